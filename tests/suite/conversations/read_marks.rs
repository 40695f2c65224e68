//! Read marks, unread counts and receipts.

use serde_json::json;

use crate::support::transports::{events_after, types};
use crate::support::{TestApp, User, id, query};

async fn receipts(user: &User, message: &str) -> Vec<(String, bool)> {
    let list = user.get(&format!("/v1/messages/{message}/receipts")).await.expect(200);
    let items = list["items"].as_array().expect("items");
    items
        .iter()
        .map(|item| (item["user"]["name"].as_str().expect("a name").to_owned(), item["has_read"] == true))
        .collect()
}

fn names(pairs: &[(&str, bool)]) -> Vec<(String, bool)> {
    pairs.iter().map(|(name, read)| ((*name).to_owned(), *read)).collect()
}

#[tokio::test]
async fn read_mark_moves_forward_and_never_back() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let [one, two, three] = [anna.say(&group, "1").await, anna.say(&group, "2").await, anna.say(&group, "3").await];
    let start = anna.now().await;
    assert_eq!(bert.conversation(&group).await.expect(200)["unread"], 3);
    let state = bert.read(&group, id(&two)).await.expect(200);
    assert_eq!(state, json!({"read": two["cursor"], "unread": 1}));
    assert_eq!(bert.on(1).read(&group, id(&one)).await.expect(200), state);
    let view = bert.conversation(&group).await.expect(200);
    assert_eq!((&view["read"], &view["unread"]), (&two["cursor"], &json!(1)));
    assert_eq!(receipts(&anna, id(&two)).await, names(&[("anna", false), ("bert", true)]));
    assert_eq!(receipts(&bert, id(&three)).await, names(&[("anna", false), ("bert", false)]));
    let path = format!("/v1/conversations/{group}/read");
    let head = bert.now().await;
    bert.put(&path, json!({"cursor": head})).await.expect(200);
    assert_eq!(bert.conversation(&group).await.expect(200)["unread"], 0);
    let events = events_after(&anna, &start, 2).await;
    assert_eq!(types(&events), ["conversation.read", "conversation.read"]);
    let data = &events[0]["data"];
    assert_eq!((&data["user"]["id"], &data["read"]), (&json!(bert.id), &two["cursor"]));
}

#[tokio::test]
async fn invalid_read_mark_is_refused_and_moves_nothing() {
    let app = TestApp::start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    let group = anna.create_group(&[&bert]).await;
    let other = anna.create_group(&[&bert]).await;
    let sent = anna.say(&group, "1").await;
    let elsewhere = anna.say(&other, "2").await;
    let path = format!("/v1/conversations/{group}/read");
    for body in [json!({}), json!({"message_id": sent["id"], "cursor": sent["cursor"]}), json!({"message_id": "x"})] {
        bert.put(&path, body).await.problem(400, "malformed");
    }
    bert.put(&path, json!({"cursor": "x"})).await.problem(400, "cursor_malformed");
    let beyond = crate::support::cursors::moved(sent["cursor"].as_str().expect("a cursor"), 1_000);
    bert.put(&path, json!({"cursor": beyond})).await.problem(410, "cursor_unknown");
    bert.read(&group, id(&elsewhere)).await.problem(404, "not_found");
    carl.read(&group, id(&sent)).await.problem(404, "not_found");
    carl.get(&format!("/v1/messages/{}/receipts", id(&sent))).await.problem(404, "not_found");
    assert_eq!(bert.conversation(&group).await.expect(200)["unread"], 1);
    bert.remove_member(&group, "me").await.expect(204);
    bert.read(&group, id(&sent)).await.problem(404, "not_found");
    bert.get(&format!("/v1/messages/{}/receipts", id(&sent))).await.problem(404, "not_found");
}

#[tokio::test]
async fn read_marks_of_a_busy_reader_become_few_events_and_are_all_answered() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let mut sent = Vec::new();
    for number in 0..40 {
        sent.push(anna.say(&group, &number.to_string()).await);
    }
    let start = anna.now().await;
    let marks = sent.iter().map(|message| bert.read(&group, id(message)));
    for answer in futures_util::future::join_all(marks).await {
        answer.expect(200);
    }
    assert_eq!(bert.conversation(&group).await.expect(200)["read"], sent[39]["cursor"]);
    let events = anna.poll(&start).await["events"].as_array().expect("events").len();
    assert!((1..=4).contains(&events), "{events} events for 40 marks at once");
}

#[tokio::test]
async fn read_marks_in_large_conversations_reach_their_reader_only() {
    let app = TestApp::builder().nodes(2).start().await;
    let names: Vec<_> = (0..51).map(|number| format!("user{number:02}")).collect();
    let mut users = Vec::new();
    for name in &names {
        users.push(app.guest(name).await);
    }
    let group = users[0].create_group(&users[1..].iter().collect::<Vec<_>>()).await;
    let sent = users[0].say(&group, "hello").await;
    let (start, other) = (users[1].now().await, users[2].now().await);
    let (mut own, mut narrowed) =
        (users[1].on(1).ready_stream("").await, users[1].ready_stream(&query(&[("conversation", &group)])).await);
    let mut others = users[2].ready_stream("").await;
    users[1].read(&group, id(&sent)).await.expect(200);
    let after = users[0].say(&group, "after").await;
    for stream in [&mut own, &mut narrowed] {
        assert_eq!(stream.next_event().await.kind, "conversation.read");
        assert_eq!(stream.next_event().await.text(), "after");
    }
    assert_eq!(others.next_event().await.text(), "after");
    assert_eq!(types(&events_after(&users[1], &start, 2).await), ["conversation.read", "message.created"]);
    assert_eq!(types(&events_after(&users[2], &other, 1).await), ["message.created"]);
    let list = users[1].get(&format!("/v1/messages/{}/receipts", id(&after))).await.expect(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    // One leaves, and there are fifty: marks are everybody's again.
    users[50].remove_member(&group, "me").await.expect(204);
    users[1].read(&group, id(&after)).await.expect(200);
    assert_eq!(others.next_event().await.kind, "member.left");
    assert_eq!(others.next_event().await.kind, "conversation.read");
    assert_eq!(receipts(&users[2], id(&after)).await.len(), 50);
}

#[tokio::test]
async fn read_marks_of_several_conversations_at_one_position_are_all_stored() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let groups = [anna.create_group(&[]).await, anna.create_group(&[]).await];
    let head = anna.now().await;
    for group in &groups {
        anna.put(&format!("/v1/conversations/{group}/read"), json!({"cursor": head})).await.expect(200);
    }
    let list = anna.conversations("").await.expect(200);
    let reads: Vec<_> = list["items"].as_array().expect("items").iter().map(|item| &item["read"]).collect();
    assert_eq!(reads, [&json!(head), &json!(head)]);
}
