//! Messages: sending to conversations and to users, and that every text comes back as it was.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{TestApp, User, id, query};

#[tokio::test]
async fn message_has_every_documented_field() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let body = json!({"text": "hello", "metadata": {"mood": [1, null, "good"]}});
    let message = anna.post(&format!("/v1/conversations/{group}/messages"), body).await.expect(201);
    let sender = &message["sender"];
    assert_eq!((&sender["id"], &sender["name"]), (&json!(anna.id), &json!("anna")));
    assert!(sender["display_name"].is_string(), "{message}");
    assert_eq!((&message["conversation_id"], &message["text"]), (&json!(group), &json!("hello")));
    assert_eq!(message["metadata"], json!({"mood": [1, null, "good"]}));
    for field in ["mentions", "attachments", "reactions"] {
        assert_eq!(message[field], json!([]), "{field}");
    }
    for field in ["reply_to", "edited_at", "deleted_at"] {
        assert!(message.get(field).is_some_and(Value::is_null), "{field} in {message}");
    }
    assert!(message["cursor"].is_string() && message["created_at"].is_string(), "{message}");
    assert_eq!(Uuid::parse_str(id(&message)).expect("a UUID").get_version_num(), 7);
    for (user, node) in [(&anna, 1), (&bert, 0), (&bert, 1)] {
        assert_eq!(user.on(node).message(id(&message)).await.expect(200), message);
    }
}

#[tokio::test]
async fn message_event_has_the_message_as_get_answers_it() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let (mut own, mut other) = (anna.ready_stream("").await, bert.ready_stream("").await);
    let message = anna.say(&group, "hello").await;
    for stream in [&mut own, &mut other] {
        let event = stream.next_event().await.value;
        assert_eq!((&event["type"], &event["conversation_id"]), (&json!("message.created"), &json!(group)));
        assert_eq!(event["actor"], json!({"id": anna.id, "name": "anna"}));
        assert!(event["time"].is_string(), "{event}");
        let seen = event["data"]["message"].as_object().expect("a message");
        assert!(seen.iter().all(|(field, value)| message[field] == *value), "{event}\n{message}");
        assert_eq!(seen.len(), message.as_object().map_or(0, serde_json::Map::len));
    }
}

#[tokio::test]
async fn text_comes_back_byte_for_byte_by_every_transport() {
    let texts = [
        "two\nlines",
        "a\rb\r\nc",
        "\n\ndata: x\n\n",
        "x\nid: 9\nevent: revoked",
        "\u{2028}\u{2029}\u{85}\u{feff}",
        "\"quotes\" and \\backslashes\\ \\u0041 \\n",
        "\t\u{1}\u{1b}[31m\u{7f}",
        " ",
        "\n",
        ":",
        "😀👩‍👩‍👧 é e\u{301} ﷽ \u{202e}abc",
        "</script><b>&amp;",
        "{\"type\":\"end\"}",
        "null",
    ];
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let start = bert.now().await;
    let mut live = bert.on(1).ready_stream("").await;
    for text in texts {
        assert_eq!(anna.say(&group, text).await["text"], text);
    }
    let mut replayed = bert.ready_stream(&query(&[("after", &start)])).await;
    let lines = bert.request(Method::GET, &format!("/v1/stream{}", query(&[("after", &start)])));
    let mut lines = bert.open_stream(lines.header("accept", "application/x-ndjson")).await;
    lines.next_of("ready").await;
    for text in texts {
        for stream in [&mut live, &mut replayed, &mut lines] {
            assert_eq!(stream.next_event().await.text(), text);
        }
    }
    let batch = bert.poll(&start).await;
    let polled = batch["events"].as_array().expect("events").iter().map(|event| &event["data"]["message"]["text"]);
    assert_eq!(polled.collect::<Vec<_>>(), texts);
    let history = bert.history(&group, "?order=asc").await.expect(200);
    let kept = history["items"].as_array().expect("items").iter().map(|message| &message["text"]);
    assert_eq!(kept.collect::<Vec<_>>(), texts);
}

#[tokio::test]
async fn names_and_titles_cannot_break_event_framing() {
    let app = TestApp::start().await;
    let bert = app.guest("bert").await;
    let nasty = "x\n\ndata: y\r\nid: 9\u{2028}";
    let mut stream = bert.ready_stream("").await;
    let register =
        |display_name: &str| json!({"name": "anna", "password": User::PASSWORD, "display_name": display_name});
    let answer = app.anonymous().post("/v1/users", register(nasty)).await;
    let answer = if answer.status == 201 { answer } else { app.anonymous().post("/v1/users", register("x")).await };
    let anna = app.anonymous().logged_in(&answer.expect(201));
    let group = anna.post("/v1/conversations", json!({"kind": "group", "title": nasty, "members": ["bert"]})).await;
    let group = if group.status == 201 { id(&group.json()).to_owned() } else { anna.create_group(&[&bert]).await };
    anna.say(&group, "hi").await;
    assert_eq!(stream.next_event().await.kind, "conversation.created");
    let sender = stream.next_event().await.value["data"]["message"]["sender"].clone();
    assert_eq!(sender["display_name"], answer.json()["user"]["display_name"]);
}

#[tokio::test]
async fn reply_names_a_message_of_its_conversation() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (group, other) = (anna.create_group(&[&bert]).await, anna.create_group(&[]).await);
    let path = format!("/v1/conversations/{group}/messages");
    let first = anna.say(&group, "question").await;
    let reply = bert.post(&path, json!({"text": "answer", "reply_to": first["id"]})).await.expect(201);
    assert_eq!(reply["reply_to"], first["id"]);
    assert_eq!(anna.message(id(&reply)).await.expect(200)["reply_to"], first["id"]);
    let elsewhere = anna.say(&other, "elsewhere").await;
    for target in [json!(Uuid::now_v7()), elsewhere["id"].clone()] {
        let answer = anna.post(&path, json!({"text": "x", "reply_to": target})).await;
        assert_eq!(answer.problem(422, "invalid")["errors"][0]["field"], "reply_to");
    }
    assert_eq!(anna.history(&group, "").await.expect(200)["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn send_to_one_user_uses_the_direct_conversation() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let mut stream = bert.ready_stream("").await;
    let message = anna.send_to(&["bert", "me", &bert.id], "hi").await.expect(201);
    let found = bert.direct(&anna).await.expect(200);
    assert_eq!(message["conversation_id"], found["id"]);
    let back = bert.send_to(&["anna"], "hello").await.expect(201);
    assert_eq!(back["conversation_id"], found["id"]);
    let kinds = [stream.next_event().await.kind, stream.next_event().await.kind, stream.next_event().await.kind];
    assert_eq!(kinds, ["conversation.created", "message.created", "message.created"]);
}

#[tokio::test]
async fn send_to_several_users_uses_the_group_that_was_made_for_exactly_them() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert, carl, _dora] = app.guests(["anna", "bert", "carl", "dora"]).await;
    let first = anna.send_to(&["bert", "carl"], "one").await.expect(201);
    let group = first["conversation_id"].as_str().expect("a conversation");
    let described = bert.conversation(group).await.expect(200);
    assert_eq!(
        (&described["kind"], &described["title"], &described["members_count"]),
        (&json!("group"), &Value::Null, &json!(3))
    );
    for (user, to) in [(&anna.on(1), ["carl", "bert"]), (&carl, ["anna", "bert"])] {
        assert_eq!(user.send_to(&to, "two").await.expect(201)["conversation_id"], group);
    }
    anna.put_member(group, "dora", json!({})).await.expect(201);
    let second = anna.send_to(&["bert", "carl"], "three").await.expect(201);
    assert_ne!(second["conversation_id"], group);
    anna.remove_member(group, "dora").await.expect(204);
    assert_eq!(bert.send_to(&["anna", "carl"], "four").await.expect(201)["conversation_id"], second["conversation_id"]);
    let four = anna.send_to(&["bert", "carl", "dora"], "five").await.expect(201);
    assert!(four["conversation_id"] != group && four["conversation_id"] != second["conversation_id"]);
}

#[tokio::test]
async fn send_to_several_users_uses_no_group_that_was_made_otherwise() {
    let app = TestApp::start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    let body = json!({"kind": "group", "members": [bert.id, carl.id]});
    let made = anna.post("/v1/conversations", body).await.expect(201);
    assert_ne!(anna.send_to(&["bert", "carl"], "hi").await.expect(201)["conversation_id"], made["id"]);
}

#[tokio::test]
async fn racing_sends_to_a_new_set_of_users_share_one_conversation() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    let sends = (0..12).map(|index| {
        let (user, to) = [(&anna, ["bert", "carl"]), (&bert, ["carl", "anna"]), (&carl, ["anna", "bert"])][index % 3];
        let user = user.on(index % 2);
        async move { user.send_to(&to, &index.to_string()).await.expect(201)["conversation_id"].clone() }
    });
    let conversations = futures_util::future::join_all(sends).await;
    assert!(conversations.windows(2).all(|pair| pair[0] == pair[1]), "{conversations:?}");
}

#[tokio::test]
async fn send_to_nobody_but_oneself_is_refused() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    for to in [vec![], vec!["me"], vec!["anna", "ME", anna.id.as_str()]] {
        anna.send_to(&to, "hi").await.problem(422, "invalid");
    }
    anna.send_to(&["nobody"], "hi").await.problem(422, "invalid");
    assert_eq!(anna.conversations("").await.expect(200)["items"], json!([]));
}
