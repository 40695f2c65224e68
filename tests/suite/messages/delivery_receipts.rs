//! `Prefer: wait=N` on sending: the answer tells who has been handed the message.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{SOON, Stream, TestApp, User, eventually, query, within};

/// Longer than any of these tests may take: whoever waits this long has waited in vain.
const LONG: &str = "55";

/// Less than that: who answers within it did not wait for its end.
const AT_ONCE: Duration = Duration::from_secs(30);

/// Sends and waits for long; answers who has the message.
async fn send(sender: &User, group: &str) -> Value {
    let begin = Instant::now();
    let answer = sender.send_and_wait(group, "hello", LONG).await;
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    assert_eq!(answer.header("preference-applied"), Some("wait=55"));
    let sent = answer.expect(201);
    assert_eq!((&sent["text"], &sent["conversation_id"]), (&json!("hello"), &json!(group)));
    sent["delivered"].clone()
}

async fn group_of(app: &TestApp) -> (User, User, String) {
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    (anna, bert, group)
}

/// Waits until the nodes know of each other.
async fn nodes_know_each_other(app: &TestApp, anna: &User, group: &str, stream: &mut Stream) {
    let sql = app.sql().await;
    let both = async || {
        let row = sql.query_one("SELECT count(*) FROM nodes", &[]).await.expect("the nodes are read");
        (row.get::<_, i64>(0) == 2).then_some(())
    };
    eventually("both nodes are entered", SOON, both).await;
    let crossed = async || {
        let sent = anna.send_and_wait(group, "warm", "1").await.expect(201);
        stream.next_of("message.created").await;
        (sent["delivered"] != json!([])).then_some(())
    };
    eventually("an answer comes from the other node", SOON * 3, crossed).await;
}

#[tokio::test]
async fn receipt_names_streams_on_the_same_node_and_on_others() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = group_of(&app).await;
    let mut there = bert.on(1).ready_stream("").await;
    nodes_know_each_other(&app, &anna, &group, &mut there).await;
    let _own = anna.ready_stream("").await;
    assert_eq!(send(&anna, &group).await, json!([bert.id]), "a stream on the other node");
    drop(there);
    let _here = bert.ready_stream("").await;
    assert_eq!(send(&anna, &group).await, json!([bert.id]), "a stream on this node");
}

#[tokio::test]
async fn receipt_names_polls_on_the_same_node_and_on_others() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = group_of(&app).await;
    let mut there = bert.on(1).ready_stream("").await;
    nodes_know_each_other(&app, &anna, &group, &mut there).await;
    drop(there);
    for node in [0, 1] {
        let (poller, wait) = (bert.on(node), query(&[("after", &bert.on(node).now().await), ("wait", "50")]));
        let poll = tokio::spawn(async move { poller.updates(&wait).await.expect(200) });
        assert_eq!(send(&anna, &group).await, json!([bert.id]), "on node {node}");
        let batch = poll.await.expect("it is answered");
        assert_eq!(batch["events"][0]["data"]["message"]["text"], "hello");
        assert!(batch["events"][0]["data"]["message"].get("delivered").is_none());
    }
}

#[tokio::test]
async fn receipt_names_nobody_after_the_wait_and_never_the_sender() {
    let app = TestApp::start().await;
    let (anna, bert, group) = group_of(&app).await;
    let _own = anna.ready_stream("").await;
    for wait in ["0", "1"] {
        let answer = anna.send_and_wait(&group, "hello", wait).await;
        assert_eq!(answer.header("preference-applied"), Some(format!("wait={wait}").as_str()));
        assert_eq!(answer.expect(201)["delivered"], json!([]));
    }
    let texts = bert.history(&group, "").await.expect(200)["items"].as_array().map(Vec::len);
    assert_eq!(texts, Some(2), "it is sent all the same");
}

#[tokio::test]
async fn send_without_the_preference_neither_waits_nor_has_a_receipt() {
    let app = TestApp::start().await;
    let (anna, bert, group) = group_of(&app).await;
    let answer = anna.send(&group, "hello").await;
    assert_eq!(answer.header("preference-applied"), None);
    assert!(answer.expect(201).get("delivered").is_none());
    for odd in ["wait=soon", "respond-async", "wait=-1"] {
        let request = anna.request(Method::POST, "/v1/messages").header("prefer", odd);
        let sent = anna.answer(request.json(&json!({"to": ["bert"], "text": "hello"}))).await.expect(201);
        assert!(sent.get("delivered").is_none(), "{odd}");
    }
    drop(bert);
}

#[tokio::test]
async fn send_to_users_waits_for_receipts_and_clamps_the_wait() {
    let app = TestApp::start().await;
    let (anna, bert, _) = group_of(&app).await;
    let mut berts = bert.ready_stream("").await;
    let request = anna.request(Method::POST, "/v1/messages").header("prefer", "respond-async, wait=3600");
    let answer = anna.answer(request.json(&json!({"to": ["bert"], "text": "first", "metadata": {"a": 1}}))).await;
    assert_eq!(answer.header("preference-applied"), Some("wait=55"));
    let sent = answer.expect(201);
    assert_eq!((&sent["delivered"], &sent["metadata"]), (&json!([bert.id]), &json!({"a": 1})));
    assert_eq!(berts.next_of("message.created").await.text(), "first");
}

#[tokio::test]
async fn replayed_send_names_who_has_the_message_by_then() {
    let app = TestApp::start().await;
    let (anna, bert, group) = group_of(&app).await;
    let after = bert.now().await;
    let (path, key) = (format!("/v1/conversations/{group}/messages"), Uuid::now_v7().to_string());
    anna.post_with_key(&path, &key, json!({"text": "once"})).await.expect(201);
    let mut berts = bert.ready_stream(&query(&[("after", &after)])).await;
    assert_eq!(berts.next_event().await.text(), "once");
    let request = anna.request(Method::POST, &path).header("idempotency-key", &key).header("prefer", "wait=20");
    let answer = anna.answer(request.json(&json!({"text": "once"}))).await;
    assert!(answer.is_replay());
    assert_eq!(answer.expect(201)["delivered"], json!([bert.id]));
}

#[tokio::test]
async fn receipt_names_who_resumes_below_the_message_and_not_who_starts_above() {
    let app = TestApp::start().await;
    let (anna, bert, group) = group_of(&app).await;
    let after = bert.now().await;
    let (sender, to) = (anna.clone(), group.clone());
    let sent = tokio::spawn(async move { send(&sender, &to).await });
    let arrived = async || {
        let items = bert.history(&group, "").await.expect(200)["items"].as_array()?.len();
        (items == 1).then_some(())
    };
    eventually("the message is sent", SOON, arrived).await;
    let _late = bert.ready_stream("").await;
    assert!(!sent.is_finished());
    let mut berts = bert.ready_stream(&query(&[("after", &after)])).await;
    assert_eq!(berts.next_event().await.text(), "hello");
    assert_eq!(sent.await.expect("it is answered"), json!([bert.id]));
}

#[tokio::test]
async fn waiting_send_is_answered_by_a_draining_node_and_survives_its_client() {
    let mut app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = group_of(&app).await;
    let path = format!("/v1/conversations/{group}/messages");
    let impatient = anna.request(Method::POST, &path).header("prefer", "wait=50").json(&json!({"text": "gone"}));
    impatient.timeout(Duration::from_millis(700)).send().await.expect_err("the client gives up");
    let (sender, to) = (anna.clone(), group.clone());
    let sent = tokio::spawn(async move { send(&sender, &to).await });
    let arrived = async || {
        let items = bert.on(1).history(&group, "").await.expect(200)["items"].as_array()?.len();
        (items == 2).then_some(())
    };
    eventually("both messages are sent", SOON, arrived).await;
    within("the node stops", SOON, app.stop(0)).await;
    assert_eq!(sent.await.expect("it is answered"), json!([]));
}
