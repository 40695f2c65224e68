//! History: both directions, pages, and what former members keep.

use serde_json::{Value, json};

use crate::support::{TestApp, User, query};

fn texts(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}"));
    items.iter().map(|item| item["text"].as_str().expect("a text")).collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

async fn numbered(anna: &User, conversation: &str, count: usize) -> Vec<Value> {
    let mut messages = Vec::new();
    for number in 0..count {
        messages.push(anna.say(conversation, &number.to_string()).await);
    }
    messages
}

/// Follows `next` from a first page on.
async fn all_pages(user: &User, conversation: &str, parameters: &[(&str, &str)]) -> Vec<String> {
    let mut seen = Vec::new();
    let mut page = user.history(conversation, &query(parameters)).await.expect(200);
    loop {
        seen.extend(texts(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { return seen };
        let parameters = [parameters, &[("page", next)]].concat();
        page = user.history(conversation, &query(&parameters)).await.expect(200);
    }
}

#[tokio::test]
async fn history_is_newest_first_by_default() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    numbered(&anna, &group, 5).await;
    for (order, expected) in [("", "43210"), ("?order=desc", "43210"), ("?order=asc", "01234"), ("?limit=2", "43")] {
        assert_eq!(texts(&anna.history(&group, order).await.expect(200)).concat(), expected, "{order}");
    }
    assert_eq!(anna.history(&group, "").await.expect(200)["next"], Value::Null);
}

#[tokio::test]
async fn history_bounds_before_and_after_are_exclusive() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    let messages = numbered(&anna, &group, 6).await;
    for field in ["id", "cursor"] {
        let (one, four) = (text(&messages[1], field), text(&messages[4], field));
        let cases = [
            (vec![("before", four)], "3210"),
            (vec![("after", one)], "2345"),
            (vec![("after", one), ("order", "desc")], "5432"),
            (vec![("after", one), ("before", four)], "32"),
            (vec![("after", one), ("before", four), ("order", "asc")], "23"),
            (vec![("before", four), ("limit", "2")], "32"),
            (vec![("after", one), ("limit", "2")], "23"),
            (vec![("after", four), ("before", one)], ""),
        ];
        for (parameters, expected) in cases {
            let page = anna.history(&group, &query(&parameters)).await.expect(200);
            assert_eq!(texts(&page).concat(), expected, "{parameters:?}");
        }
    }
    assert_eq!(anna.history(&group, "?before=nonsense").await.status, 400);
}

#[tokio::test]
async fn history_pages_hold_every_message_once_while_others_write() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    numbered(&anna, &group, 7).await;
    assert_eq!(all_pages(&anna, &group, &[("limit", "3"), ("order", "asc")]).await.concat(), "0123456");
    assert_eq!(all_pages(&anna, &group, &[("limit", "7")]).await.concat(), "6543210");
    let first = anna.history(&group, "?limit=3").await.expect(200);
    anna.say(&group, "new").await;
    let next = text(&first, "next");
    let second = anna.history(&group, &query(&[("limit", "3"), ("page", next)])).await.expect(200);
    assert_eq!((texts(&first).concat(), texts(&second).concat()), ("654".to_owned(), "321".to_owned()));
}

#[tokio::test]
async fn history_holds_messages_only() {
    let app = TestApp::start().await;
    let [anna, _bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[]).await;
    let message = anna.say(&group, "hi").await;
    anna.put_member(&group, "bert", json!({})).await.expect(201);
    assert_eq!(anna.history(&group, "").await.expect(200)["items"], json!([message]));
}

#[tokio::test]
async fn history_of_a_former_member_is_that_of_their_memberships() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[]).await;
    let mut messages = Vec::new();
    for (number, change) in [None, Some(true), None, Some(false), None, Some(true), Some(false)].into_iter().enumerate()
    {
        match change {
            Some(true) => drop(anna.put_member(&group, "bert", json!({})).await.expect(201)),
            Some(false) => drop(anna.remove_member(&group, "bert").await.expect(204)),
            None => {}
        }
        messages.push(anna.say(&group, &number.to_string()).await);
    }
    for bert in [bert.on(0), bert.on(1)] {
        assert_eq!(all_pages(&bert, &group, &[("limit", "2"), ("order", "asc")]).await.concat(), "125");
        assert_eq!(texts(&bert.history(&group, "").await.expect(200)).concat(), "521");
        let after = query(&[("after", text(&messages[1], "cursor"))]);
        assert_eq!(texts(&bert.history(&group, &after).await.expect(200)).concat(), "25");
        for (number, message) in messages.iter().enumerate() {
            let status = bert.message(text(message, "id")).await.status;
            assert_eq!(status, if [1, 2, 5].contains(&number) { 200 } else { 404 }, "{number}");
        }
    }
}

#[tokio::test]
async fn shared_history_is_readable_by_present_members_and_never_streamed() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let body = json!({"kind": "group", "members": [], "history": "shared"});
    let group = anna.post("/v1/conversations", body).await.expect(201);
    let group = text(&group, "id");
    let old = anna.say(group, "old").await;
    anna.put_member(group, "bert", json!({})).await.expect(201);
    anna.say(group, "new").await;
    assert_eq!(texts(&bert.history(group, "?order=asc").await.expect(200)), ["old", "new"]);
    bert.message(text(&old, "id")).await.expect(200);
    let streamed = bert.poll("start").await;
    assert!(!streamed.to_string().contains("old") && streamed.to_string().contains("new"), "{streamed}");
    anna.remove_member(group, "bert").await.expect(204);
    anna.say(group, "late").await;
    assert_eq!(texts(&bert.history(group, "").await.expect(200)), ["new"]);
    bert.message(text(&old, "id")).await.problem(404, "not_found");
}
