//! Random actions of random users, for tests of properties. Most of them are allowed, some are refused.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, User};

/// The number of users of a scenario.
pub const USERS: usize = 3;
/// The number of groups after which [`Action::Group`] sends to one of them instead. Sends to users may create more.
const MAX_CONVERSATIONS: usize = 3;
const EMOJI: [&str; 3] = ["👍", "❤️", "🦀"];
const ROLES: [&str; 3] = ["member", "admin", "owner"];

/// One request of a user. Its numbers choose among the users, conversations and messages that exist.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    Group { by: usize, members: usize, shared: bool },
    Direct { by: usize, with: usize },
    Send { by: usize, to: usize, mentions: bool },
    SendTo { by: usize, to: usize },
    SendFile { by: usize, to: usize },
    Reply { by: usize, to: usize },
    Edit { own: bool, by: usize, message: usize, number: usize },
    Delete { own: bool, by: usize, message: usize },
    React { by: usize, message: usize, emoji: usize },
    Unreact { by: usize, message: usize, emoji: usize },
    Read { by: usize, message: usize },
    ReadAll { by: usize, conversation: usize },
    Put { by: usize, conversation: usize, user: usize, role: Option<usize> },
    Remove { by: usize, conversation: usize, user: usize },
    Title { by: usize, conversation: usize, number: usize },
    Settings { by: usize, conversation: usize, archived: bool, muted: bool },
    DeleteConversation { by: usize, conversation: usize },
}

/// Answers a strategy for actions, weighted roughly as users act.
pub fn actions() -> impl Strategy<Value = Action> {
    let n = 0..64_usize;
    let flag = proptest::bool::ANY;
    prop_oneof![
        6 => (n.clone(), n.clone(), flag).prop_map(|(by, members, shared)| Action::Group { by, members, shared }),
        2 => (n.clone(), n.clone()).prop_map(|(by, with)| Action::Direct { by, with }),
        16 => (n.clone(), n.clone(), flag).prop_map(|(by, to, mentions)| Action::Send { by, to, mentions }),
        2 => (n.clone(), n.clone()).prop_map(|(by, to)| Action::SendTo { by, to }),
        2 => (n.clone(), n.clone()).prop_map(|(by, to)| Action::SendFile { by, to }),
        2 => (n.clone(), n.clone()).prop_map(|(by, to)| Action::Reply { by, to }),
        9 => (flag, n.clone(), n.clone(), n.clone())
            .prop_map(|(own, by, message, number)| Action::Edit { own, by, message, number }),
        4 => (flag, n.clone(), n.clone()).prop_map(|(own, by, message)| Action::Delete { own, by, message }),
        7 => (n.clone(), n.clone(), n.clone()).prop_map(|(by, message, emoji)| Action::React { by, message, emoji }),
        4 => (n.clone(), n.clone(), n.clone()).prop_map(|(by, message, emoji)| Action::Unreact { by, message, emoji }),
        4 => (n.clone(), n.clone()).prop_map(|(by, message)| Action::Read { by, message }),
        2 => (n.clone(), n.clone()).prop_map(|(by, conversation)| Action::ReadAll { by, conversation }),
        12 => (n.clone(), n.clone(), n.clone(), proptest::option::of(n.clone()))
            .prop_map(|(by, conversation, user, role)| Action::Put { by, conversation, user, role }),
        9 => (n.clone(), n.clone(), n.clone())
            .prop_map(|(by, conversation, user)| Action::Remove { by, conversation, user }),
        3 => (n.clone(), n.clone(), n.clone())
            .prop_map(|(by, conversation, number)| Action::Title { by, conversation, number }),
        3 => (n.clone(), n.clone(), flag, flag).prop_map(|(by, conversation, archived, muted)| {
            Action::Settings { by, conversation, archived, muted }
        }),
        1 => (n.clone(), n).prop_map(|(by, conversation)| Action::DeleteConversation { by, conversation }),
    ]
}

/// The users of one test case and what their actions have created.
pub struct Scenario {
    pub users: Vec<User>,
    pub conversations: Vec<String>,
    /// Message, author.
    pub messages: Vec<(String, usize)>,
    pub deleted: HashSet<String>,
    /// Users and conversations that they were removed from at least once.
    pub left: HashSet<(String, String)>,
    /// File, uploader, and the message that has it.
    pub files: Vec<(String, String, Option<String>)>,
    /// The number of texts so far. Each has a word of its own, so that a search finds exactly one.
    pub texts: usize,
}

impl Scenario {
    /// Makes new users.
    pub async fn new(app: &TestApp, number: usize) -> Self {
        let mut users = Vec::new();
        for index in 0..USERS {
            users.push(app.guest(&format!("u{number}-{index}")).await);
        }
        let (conversations, messages) = (Vec::new(), Vec::new());
        Self {
            users,
            conversations,
            messages,
            deleted: HashSet::new(),
            left: HashSet::new(),
            files: Vec::new(),
            texts: 0,
        }
    }

    /// Performs actions one after the other. An action may be refused, but must not fail with a 5xx.
    pub async fn perform_all(&mut self, actions: &[Action]) -> Result<(), TestCaseError> {
        for action in actions {
            if let Some(answer) = self.perform(*action).await {
                prop_assert!(answer.status < 500, "{action:?}: {answer:?}");
            }
        }
        Ok(())
    }

    fn user(&self, number: usize) -> &User {
        &self.users[number % USERS]
    }

    fn conversation(&self, number: usize) -> Option<&String> {
        (!self.conversations.is_empty()).then(|| &self.conversations[number % self.conversations.len()])
    }

    fn message(&self, number: usize) -> Option<&(String, usize)> {
        (!self.messages.is_empty()).then(|| &self.messages[number % self.messages.len()])
    }

    /// Answers who changes a message: its author, or anybody.
    fn editor(&self, own: bool, by: usize, author: usize) -> &User {
        self.user(if own { author } else { by })
    }

    async fn perform(&mut self, action: Action) -> Option<Answer> {
        match action {
            // Few busy conversations exercise more than many idle ones.
            Action::Group { by, members, .. } if self.conversations.len() >= MAX_CONVERSATIONS => {
                let text = self.word();
                let answer = self.user(by).send(self.conversation(members)?, &text).await;
                Some(self.sent(by, answer))
            }
            Action::Group { by, members, shared } => {
                let members: Vec<_> =
                    (0..USERS).filter(|user| members >> user & 1 == 1).map(|user| &self.users[user].id).collect();
                let history = if shared { "shared" } else { "joined" };
                let body = json!({"kind": "group", "title": "t", "members": members, "history": history});
                let answer = self.user(by).post("/v1/conversations", body).await;
                Some(self.made(answer))
            }
            Action::Direct { by, with } => {
                let answer = self.user(by).direct(self.user(with)).await;
                Some(self.made(answer))
            }
            Action::Send { by, to, mentions } => {
                let named = if mentions { format!("@{}", self.user(to + by).name) } else { String::new() };
                let text = format!("{} {named}", self.word());
                let answer = self.user(by).send(self.conversation(to)?, &text).await;
                Some(self.sent(by, answer))
            }
            Action::SendTo { by, to } => {
                let text = self.word();
                let to: Vec<_> =
                    (0..USERS).filter(|user| to >> user & 1 == 1).map(|user| self.users[user].id.as_str()).collect();
                let answer = self.user(by).send_to(&to, &text).await;
                if answer.status == 201 {
                    self.remember(&answer.json()["conversation_id"]);
                }
                Some(self.sent(by, answer))
            }
            Action::SendFile { by, to } => {
                let conversation = self.conversation(to)?.clone();
                let text = self.word();
                let file = self.user(by).upload(text.clone(), &[]).await;
                if file.status != 201 {
                    return Some(file);
                }
                let file = file.json()["id"].as_str().expect("an id").to_owned();
                let body = json!({"text": text, "attachments": [file]});
                let answer = self.user(by).post(&format!("/v1/conversations/{conversation}/messages"), body).await;
                let answer = self.sent(by, answer);
                let message = (answer.status == 201).then(|| answer.json()["id"].as_str().expect("an id").to_owned());
                self.files.push((file, self.user(by).id.clone(), message));
                Some(answer)
            }
            Action::Reply { by, to } => {
                let (message, _) = self.message(to)?.clone();
                let found = self.user(by).message(&message).await;
                if found.status != 200 {
                    return Some(found);
                }
                let conversation = found.json()["conversation_id"].as_str().expect("an id").to_owned();
                let text = self.word();
                let answer = self.user(by).reply(&conversation, &message, &text).await;
                Some(self.sent(by, answer))
            }
            Action::Edit { own, by, message, number } => {
                let text = format!("{} @{}", self.word(), self.user(number).name);
                let (message, author) = self.message(message)?;
                Some(self.editor(own, by, *author).edit(message, &text).await)
            }
            Action::Delete { own, by, message } => {
                let (message, author) = self.message(message)?;
                Some(self.editor(own, by, *author).delete_message(message).await)
            }
            Action::React { by, message, emoji } => {
                Some(self.user(by).react(&self.message(message)?.0, EMOJI[emoji % EMOJI.len()]).await)
            }
            Action::Unreact { by, message, emoji } => {
                Some(self.user(by).unreact(&self.message(message)?.0, EMOJI[emoji % EMOJI.len()]).await)
            }
            Action::Read { by, message } => {
                let (message, _) = self.message(message)?.clone();
                let found = self.user(by).message(&message).await;
                if found.status != 200 {
                    return Some(found);
                }
                let conversation = found.json()["conversation_id"].as_str().expect("an id").to_owned();
                Some(self.user(by).read(&conversation, &message).await)
            }
            Action::ReadAll { by, conversation } => {
                let cursor = self.user(by).now().await;
                let path = format!("/v1/conversations/{}/read", self.conversation(conversation)?);
                Some(self.user(by).put(&path, json!({"cursor": cursor})).await)
            }
            Action::Put { by, conversation, user, role } => {
                let body = role.map_or_else(|| json!({}), |role| json!({"role": ROLES[role % ROLES.len()]}));
                let (user, conversation) = (self.user(user).id.clone(), self.conversation(conversation)?);
                Some(self.first_permitted(by, async |by| by.put_member(conversation, &user, body.clone()).await).await)
            }
            Action::Remove { by, conversation, user } => {
                let (conversation, user) = (self.conversation(conversation)?.clone(), self.user(user).id.clone());
                let answer = self.first_permitted(by, async |by| by.remove_member(&conversation, &user).await).await;
                if answer.status == 204 {
                    self.left.insert((user, conversation));
                }
                Some(answer)
            }
            Action::Title { by, conversation, number } => {
                let path = format!("/v1/conversations/{}", self.conversation(conversation)?);
                let title = if number == 0 { Value::Null } else { json!(format!("title {number}")) };
                Some(self.user(by).patch(&path, json!({"title": title})).await)
            }
            Action::Settings { by, conversation, archived, muted } => {
                let path = format!("/v1/conversations/{}", self.conversation(conversation)?);
                Some(self.user(by).patch(&path, json!({"archived": archived, "muted": muted})).await)
            }
            Action::DeleteConversation { by, conversation } => {
                let conversation = self.conversation(conversation)?.clone();
                let request = self.user(by).request(Method::DELETE, &format!("/v1/conversations/{conversation}"));
                let answer = self.user(by).answer(request).await;
                if answer.status == 204 {
                    self.deleted.insert(conversation);
                }
                Some(answer)
            }
        }
    }

    /// Lets one user after the other try until one is permitted, so that members come and go often. Answers the last response.
    async fn first_permitted(&self, first: usize, act: impl AsyncFn(&User) -> Answer) -> Answer {
        let mut answer = act(self.user(first)).await;
        for next in 1..USERS {
            if answer.status < 300 {
                break;
            }
            answer = act(self.user(first + next)).await;
        }
        answer
    }

    fn word(&mut self) -> String {
        self.texts += 1;
        format!("word{}x", self.texts)
    }

    fn remember(&mut self, id: &Value) {
        let id = id.as_str().expect("an id").to_owned();
        if !self.conversations.contains(&id) {
            self.conversations.push(id);
        }
    }

    fn made(&mut self, answer: Answer) -> Answer {
        if answer.status < 300 {
            self.remember(&answer.json()["id"]);
        }
        answer
    }

    fn sent(&mut self, by: usize, answer: Answer) -> Answer {
        if answer.status == 201 {
            self.messages.push((answer.json()["id"].as_str().expect("an id").to_owned(), by % USERS));
        }
        answer
    }
}
