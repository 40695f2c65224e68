//! Idempotency keys: one event however often and wherever a request is repeated.

use std::collections::HashSet;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, TestApp, User, expected_events};

fn key() -> String {
    Uuid::new_v4().to_string()
}

/// Asserts that this is the first answer again.
#[track_caller]
fn assert_replays(replay: &Answer, first: &Value) {
    assert_eq!(replay.expect(201), *first);
    assert!(replay.is_replay(), "{:?}", replay.headers);
}

async fn count(app: &TestApp, key: &str) -> i64 {
    expected_events::creations(&app.sql().await, &[key.to_owned()]).await[0]
}

#[tokio::test]
async fn repeated_request_answers_the_same() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (group, key) = (anna.create_group(&[&bert]).await, key());
    let first = anna.send_with_key(&group, &key, "once").await;
    assert!(!first.is_replay());
    let first = first.expect(201);
    assert_eq!(first["id"], key.as_str());
    for node in [0, 1, 1, 0] {
        assert_replays(&anna.on(node).send_with_key(&group, &key, "once").await, &first);
    }
    assert_eq!(anna.history(&group, "").await.expect(200)["items"], json!([first]));
}

#[tokio::test]
async fn key_of_a_different_request_is_refused_as_reused() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (group, other, key) = (anna.create_group(&[&bert]).await, anna.create_group(&[]).await, key());
    anna.send_with_key(&group, &key, "once").await.expect(201);
    for node in 0..2 {
        let anna = anna.on(node);
        anna.send_with_key(&group, &key, "twice").await.problem(422, "idempotency_key_reused");
        anna.send_with_key(&other, &key, "once").await.problem(422, "idempotency_key_reused");
        let send = json!({"to": ["bert"], "text": "once"});
        anna.post_with_key("/v1/messages", &key, send).await.problem(422, "idempotency_key_reused");
        let make = json!({"kind": "group", "members": []});
        anna.post_with_key("/v1/conversations", &key, make).await.problem(422, "idempotency_key_reused");
    }
    assert_eq!(count(&app, &key).await, 1);
}

#[tokio::test]
async fn key_of_another_user_is_taken_and_reveals_nothing() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert, eve] = app.guests(["anna", "bert", "eve"]).await;
    let (group, key) = (anna.create_group(&[&bert]).await, key());
    anna.send_with_key(&group, &key, "secret").await.expect(201);
    let foreign = eve.create_group(&[]).await;
    for (user, conversation, text) in [(&bert, &group, "secret"), (&eve.on(1), &foreign, "mine")] {
        let answer = user.send_with_key(conversation, &key, text).await;
        answer.problem(409, "idempotency_key_taken");
        assert!(!answer.text().contains(&group) && !answer.text().contains("secret"), "{}", answer.text());
    }
}

#[tokio::test]
async fn racing_sends_with_one_key_are_one_event_and_equal_answers() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let start = bert.now().await;
    for _ in 0..5 {
        let key = key();
        let sends = (0..20).map(|index| {
            let (anna, group, key) = (anna.on(index % 2), &group, &key);
            async move { anna.send_with_key(group, key, "raced").await }
        });
        let answers = futures_util::future::join_all(sends).await;
        let bodies: HashSet<_> = answers.iter().map(|answer| answer.expect(201).to_string()).collect();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        assert_eq!(answers.iter().filter(|answer| !answer.is_replay()).count(), 1);
        assert_eq!(count(&app, &key).await, 1);
    }
    assert_eq!(bert.poll(&start).await["events"].as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn racing_requests_that_differ_under_one_key_leave_one_winner() {
    let app = TestApp::builder().nodes(2).start().await;
    let anna = app.guest("anna").await;
    let (group, key) = (anna.create_group(&[]).await, key());
    let sends = (0..10).map(|index: usize| {
        let (anna, group, key) = (anna.on(index % 2), &group, &key);
        async move { anna.send_with_key(group, key, &index.to_string()).await.status }
    });
    let mut statuses = futures_util::future::join_all(sends).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422, 422, 422, 422, 422, 422, 422, 422, 422]);
}

#[tokio::test]
async fn replay_answers_a_sender_who_has_left() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (group, key) = (anna.create_group(&[&bert]).await, key());
    let first = bert.send_with_key(&group, &key, "last words").await.expect(201);
    bert.remove_member(&group, "me").await.expect(204);
    bert.send_with_key(&group, &self::key(), "more").await.problem(404, "not_found");
    for node in 0..2 {
        assert_replays(&bert.on(node).send_with_key(&group, &key, "last words").await, &first);
    }
}

#[tokio::test]
async fn refused_request_leaves_its_key_unused() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (group, foreign, key) = (anna.create_group(&[]).await, bert.create_group(&[]).await, key());
    anna.send_with_key(&group, &key, "").await.problem(422, "invalid");
    anna.send_with_key(&foreign, &key, "hi").await.problem(404, "not_found");
    let answer = anna.send_with_key(&group, &key, "hi").await;
    answer.expect(201);
    assert!(!answer.is_replay());
}

#[tokio::test]
async fn keys_hold_for_sends_to_users() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert, _carl] = app.guests(["anna", "bert", "carl"]).await;
    for to in [json!(["bert"]), json!(["bert", "carl"])] {
        let (key, body) = (key(), json!({"to": to, "text": "hi"}));
        let sends = (0..10).map(|index| {
            let (anna, key, body) = (anna.on(index % 2), &key, body.clone());
            async move { anna.post_with_key("/v1/messages", key, body).await }
        });
        let answers = futures_util::future::join_all(sends).await;
        let first = answers[0].expect(201);
        assert!(answers.iter().all(|answer| answer.expect(201) == first));
        assert_eq!(count(&app, &key).await, 1);
    }
    assert_eq!(bert.conversations("").await.expect(200)["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn keys_hold_for_conversations() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (key, body) = (key(), json!({"kind": "group", "title": "one", "members": ["bert"]}));
    let made = anna.post_with_key("/v1/conversations", &key, body.clone()).await.expect(201);
    assert_eq!(made["id"], key.as_str());
    let replay = anna.on(1).post_with_key("/v1/conversations", &key, body.clone()).await;
    assert_replays(&replay, &made);
    bert.post_with_key("/v1/conversations", &key, body).await.problem(409, "idempotency_key_taken");
    assert_eq!(bert.conversations("").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn existing_direct_conversation_leaves_the_key_unused() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let made = anna.direct(&bert).await.expect(201);
    let (key, body) = (key(), json!({"kind": "direct", "members": ["bert"]}));
    assert_eq!(anna.post_with_key("/v1/conversations", &key, body).await.expect(200)["id"], made["id"]);
    let id = made["id"].as_str().expect("an id");
    assert_eq!(anna.send_with_key(id, &key, "hi").await.expect(201)["id"], key.as_str());
}

#[tokio::test]
async fn keys_belong_to_the_user_and_not_to_the_session() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    let other = app.anonymous().logged_in(&app.anonymous().log_in("anna", User::PASSWORD).await.expect(201));
    let (group, key) = (anna.create_group(&[]).await, key());
    let first = anna.send_with_key(&group, &key, "hi").await.expect(201);
    assert_replays(&other.send_with_key(&group, &key.to_uppercase(), "hi").await, &first);
}
