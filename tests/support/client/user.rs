//! A user of the API: one method an endpoint.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::answer::Answer;
use super::stream::Stream;
use crate::support::deployment::Addresses;

const ANSWERS_WITHIN: Duration = Duration::from_secs(70);

/// A caller of one of the nodes, with a token or without.
#[derive(Clone)]
pub struct User {
    http: Client,
    addresses: Addresses,
    node: usize,
    pub id: String,
    pub name: String,
    pub token: Option<String>,
    /// The session as log in answered it; null for those without one.
    pub session: Value,
}

impl User {
    /// The password of every user that has one.
    pub const PASSWORD: &str = "correct horse battery";

    pub(in crate::support) fn anonymous(http: Client, addresses: Addresses) -> Self {
        let nobody = String::new();
        Self { http, addresses, node: 0, id: nobody.clone(), name: nobody, token: None, session: Value::Null }
    }

    /// Answers this caller as the user and session of a `{user, session}` answer.
    pub fn logged_in(&self, answer: &Value) -> Self {
        Self {
            id: text(&answer["user"]["id"]),
            name: text(&answer["user"]["name"]),
            token: Some(text(&answer["session"]["access_token"])),
            session: answer["session"].clone(),
            ..self.clone()
        }
    }

    /// Answers this user as a caller of another node.
    pub fn on(&self, node: usize) -> Self {
        Self { node, ..self.clone() }
    }

    /// Answers the address of the node that this user talks to.
    pub fn address(&self) -> std::net::SocketAddr {
        self.addresses.get(self.node)
    }

    /// Answers this user with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Begins a request of any kind.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.addresses.url(self.node, path));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the answer.
    pub async fn answer(&self, request: RequestBuilder) -> Answer {
        self.try_answer(request).await.expect("the node answers")
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When the node cannot be reached or goes away.
    pub async fn try_answer(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        Answer::read(request.timeout(ANSWERS_WITHIN).send().await?).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.answer(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.answer(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.answer(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.answer(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.answer(self.request(Method::DELETE, path)).await
    }

    /// Posts under an idempotency key.
    pub async fn post_with_key(&self, path: &str, key: &str, body: Value) -> Answer {
        self.answer(self.request(Method::POST, path).header("idempotency-key", key).json(&body)).await
    }

    pub async fn me(&self) -> Answer {
        self.get("/v1/me").await
    }

    pub async fn log_in(&self, name: &str, password: &str) -> Answer {
        self.post("/v1/sessions", json!({"name": name, "password": password})).await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/v1/sessions/refresh", json!({"refresh_token": token})).await
    }

    pub async fn log_out(&self) -> Answer {
        self.delete("/v1/sessions/current").await
    }

    /// Makes a group and answers its id.
    pub async fn create_group(&self, members: &[&User]) -> String {
        let members: Vec<&str> = members.iter().map(|user| user.id.as_str()).collect();
        let answer =
            self.post("/v1/conversations", json!({"kind": "group", "title": "group", "members": members})).await;
        text(&answer.expect(201)["id"])
    }

    /// Finds or makes the direct conversation with `other`.
    pub async fn direct(&self, other: &User) -> Answer {
        self.post("/v1/conversations", json!({"kind": "direct", "members": [other.id]})).await
    }

    pub async fn conversation(&self, id: &str) -> Answer {
        self.get(&format!("/v1/conversations/{id}")).await
    }

    /// Lists conversations; `query` as from [`query`].
    pub async fn conversations(&self, query: &str) -> Answer {
        self.get(&format!("/v1/conversations{query}")).await
    }

    pub async fn members(&self, conversation: &str) -> Answer {
        self.get(&format!("/v1/conversations/{conversation}/members")).await
    }

    /// Adds a member or changes a role.
    pub async fn put_member(&self, conversation: &str, user: &str, body: Value) -> Answer {
        self.put(&format!("/v1/conversations/{conversation}/members/{user}"), body).await
    }

    /// Removes a member; `me` leaves.
    pub async fn remove_member(&self, conversation: &str, user: &str) -> Answer {
        self.delete(&format!("/v1/conversations/{conversation}/members/{user}")).await
    }

    pub async fn send(&self, conversation: &str, text: &str) -> Answer {
        self.post(&messages_of(conversation), json!({"text": text})).await
    }

    pub async fn send_with_key(&self, conversation: &str, key: &str, text: &str) -> Answer {
        self.post_with_key(&messages_of(conversation), key, json!({"text": text})).await
    }

    /// Sends and answers the message.
    pub async fn say(&self, conversation: &str, text: &str) -> Value {
        self.send(conversation, text).await.expect(201)
    }

    /// Sends, and waits for at most so many seconds until another user has received it.
    pub async fn send_and_wait(&self, conversation: &str, text: &str, wait: &str) -> Answer {
        let request = self.request(Method::POST, &messages_of(conversation)).header("prefer", format!("wait={wait}"));
        self.answer(request.json(&json!({"text": text}))).await
    }

    /// Reports that this user is typing.
    pub async fn send_typing(&self, conversation: &str) -> Answer {
        self.answer(self.request(Method::POST, &format!("/v1/conversations/{conversation}/typing"))).await
    }

    /// Asks who is online; `query` as from [`query`].
    pub async fn presence(&self, query: &str) -> Answer {
        self.get(&format!("/v1/presence{query}")).await
    }

    pub async fn connections(&self) -> Answer {
        self.get("/v1/connections").await
    }

    /// Sends to users instead of to a conversation.
    pub async fn send_to(&self, to: &[&str], text: &str) -> Answer {
        self.post("/v1/messages", json!({"to": to, "text": text})).await
    }

    /// Uploads a file; `headers` say what it is.
    pub async fn upload(&self, bytes: impl Into<reqwest::Body>, headers: &[(&str, &str)]) -> Answer {
        let request = self.request(Method::POST, "/v1/attachments").body(bytes);
        self.answer(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    }

    /// Downloads a file.
    pub async fn attachment(&self, id: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.request(Method::GET, &format!("/v1/attachments/{id}"));
        self.answer(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    }

    /// Sends with attachments.
    pub async fn send_files(&self, conversation: &str, attachments: &[&str]) -> Answer {
        self.post(&messages_of(conversation), json!({"text": "see", "attachments": attachments})).await
    }

    pub async fn message(&self, id: &str) -> Answer {
        self.get(&format!("/v1/messages/{id}")).await
    }

    /// Gives a message another text.
    pub async fn edit(&self, message: &str, text: &str) -> Answer {
        self.patch(&format!("/v1/messages/{message}"), json!({"text": text})).await
    }

    pub async fn delete_message(&self, message: &str) -> Answer {
        self.delete(&format!("/v1/messages/{message}")).await
    }

    /// Answers a message to another one.
    pub async fn reply(&self, conversation: &str, to: &str, text: &str) -> Answer {
        self.post(&messages_of(conversation), json!({"text": text, "reply_to": to})).await
    }

    pub async fn react(&self, message: &str, emoji: &str) -> Answer {
        self.answer(self.request(Method::PUT, &format!("/v1/messages/{message}/reactions/{emoji}"))).await
    }

    pub async fn unreact(&self, message: &str, emoji: &str) -> Answer {
        self.delete(&format!("/v1/messages/{message}/reactions/{emoji}")).await
    }

    /// Marks a conversation as read up to a message.
    pub async fn read(&self, conversation: &str, message: &str) -> Answer {
        self.put(&format!("/v1/conversations/{conversation}/read"), json!({"message_id": message})).await
    }

    /// Reads history; `query` as from [`query`].
    pub async fn history(&self, conversation: &str, query: &str) -> Answer {
        self.get(&format!("{}{query}", messages_of(conversation))).await
    }

    /// Searches; `query` as from [`query`].
    pub async fn search(&self, query: &str) -> Answer {
        self.get(&format!("/v1/search{query}")).await
    }

    /// Polls; `query` as from [`query`].
    pub async fn updates(&self, query: &str) -> Answer {
        self.get(&format!("/v1/updates{query}")).await
    }

    /// Polls without waiting and answers the batch.
    pub async fn poll(&self, after: &str) -> Value {
        self.updates(&query(&[("after", after), ("wait", "0")])).await.expect(200)
    }

    /// Polls until at least `count` events have come, and answers them and the last cursor. For nodes that may not
    /// have reached yet what another one has answered.
    pub async fn collect(&self, after: &str, count: usize) -> (Vec<Value>, String) {
        let (mut events, mut cursor) = (Vec::new(), after.to_owned());
        while events.len() < count {
            let batch = self.updates(&query(&[("after", &cursor), ("wait", "10")])).await.expect(200);
            let more = batch["events"].as_array().expect("events");
            assert!(!more.is_empty(), "{} of {count} events after ten seconds", events.len());
            events.extend(more.iter().cloned());
            cursor = text(&batch["cursor"]);
        }
        (events, cursor)
    }

    /// Answers the present head of the log as this user's cursor.
    pub async fn now(&self) -> String {
        text(&self.poll("now").await["cursor"])
    }

    /// Opens a stream by SSE; `query` as from [`query`].
    pub async fn stream(&self, query: &str) -> Stream {
        self.open_stream(self.request(Method::GET, &format!("/v1/stream{query}"))).await
    }

    /// Opens a stream by a request of the caller's choice.
    pub async fn open_stream(&self, request: RequestBuilder) -> Stream {
        Stream::open(request).await.expect("the node answers")
    }

    /// Opens a stream and waits for its `ready`.
    pub async fn ready_stream(&self, query: &str) -> Stream {
        let mut stream = self.stream(query).await;
        assert_eq!(stream.next().await.kind, "ready");
        stream
    }
}

/// Answers `?name=value&…`, encoded.
pub fn query(pairs: &[(&str, &str)]) -> String {
    format!("?{}", serde_urlencoded::to_string(pairs).expect("pairs of text"))
}

fn messages_of(conversation: &str) -> String {
    format!("/v1/conversations/{conversation}/messages")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text instead of {value}")).to_owned()
}
