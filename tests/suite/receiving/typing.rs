//! Typing: sent live to streams of the other members, and to nobody else.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{SOON, Stream, TestApp, User, eventually, query, within};

/// Sends a message and waits until all streams have it. Everything before it has then arrived, too.
async fn send_marker(sender: &User, group: &str, streams: &mut [&mut Stream]) {
    sender.say(group, "mark").await;
    for stream in streams {
        assert_eq!(stream.next_of("message.created").await.text(), "mark");
    }
}

#[tokio::test]
async fn typing_reaches_the_other_members_on_every_node_and_nobody_else() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert, carl, dora] = app.guests(["anna", "bert", "carl", "dora"]).await;
    let group = anna.create_group(&[&bert, &carl]).await;
    let mut annas = anna.ready_stream("").await;
    let mut berts = bert.ready_stream("").await;
    let mut carls = carl.on(1).ready_stream("").await;
    let mut doras = dora.ready_stream("").await;
    // A node that has just started may not know of the other one yet.
    let notice = eventually("typing crosses over", SOON * 3, async || {
        anna.send_typing(&group).await.expect(204);
        tokio::time::timeout(Duration::from_millis(500), carls.next_ephemeral("typing")).await.ok()
    })
    .await;
    for notice in [notice, berts.next_ephemeral("typing").await] {
        assert_eq!((notice.value["type"].as_str(), notice.cursor.as_deref()), (Some("typing"), None));
        assert_eq!((&notice.value["conversation_id"], &notice.value["actor"]["id"]), (&json!(group), &json!(anna.id)));
        assert_eq!(notice.value["data"]["user"]["name"], "anna");
        assert!(notice.value["time"].is_string());
    }
    send_marker(&bert, &group, &mut [&mut annas, &mut berts, &mut carls]).await;
    assert_eq!(annas.ephemeral_count("typing"), 0, "the typist is not told");
    let others = dora.create_group(&[&bert]).await;
    send_marker(&bert, &others, &mut [&mut doras]).await;
    assert_eq!(doras.ephemeral_count("typing"), 0, "a stranger is not told");
    let sql = app.sql().await;
    let kinds = "SELECT count(*) FROM events WHERE kind LIKE 'typing%'";
    assert_eq!(sql.query_one(kinds, &[]).await.expect("the log is read").get::<_, i64>(0), 0);
}

#[tokio::test]
async fn typing_has_neither_cursor_nor_id_in_both_framings() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    for (accept, end) in [("text/event-stream", "\n\n"), ("application/x-ndjson", "\n")] {
        let group = anna.create_group(&[&bert]).await;
        let request = bert.request(Method::GET, "/v1/stream").header("accept", accept);
        let mut response = request.send().await.expect("the node answers");
        let mut text = String::new();
        let read = async {
            while !text.contains("\"ready\"") {
                text += std::str::from_utf8(&response.chunk().await.expect("it goes on").expect("it goes on")).unwrap();
            }
            // The stream is live a moment after it has said that it is ready.
            anna.say(&group, "live").await;
            while !text.contains("\"live\"") {
                text += std::str::from_utf8(&response.chunk().await.expect("it goes on").expect("it goes on")).unwrap();
            }
            anna.send_typing(&group).await.expect(204);
            while !text.contains("\"typing\"") {
                text += std::str::from_utf8(&response.chunk().await.expect("it goes on").expect("it goes on")).unwrap();
            }
        };
        within("typing comes", SOON, read).await;
        let at = text.find("\"typing\"").expect("it came");
        let frame = text[..at].rfind(end).map_or(&text[..], |begin| &text[begin + end.len()..]);
        let prefix = if end == "\n" { "{\"type\":\"typing\"" } else { "event: typing\ndata: {\"type\":\"typing\"" };
        assert!(frame.starts_with(prefix), "{frame}");
        assert!(!frame.contains("cursor") && !frame.contains("id: "), "{frame}");
    }
}

#[tokio::test]
async fn typing_reaches_no_filtered_stream_and_no_poll() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (here, elsewhere) = (anna.create_group(&[&bert]).await, anna.create_group(&[&bert]).await);
    let mut narrowed = bert.ready_stream(&query(&[("conversation", &elsewhere)])).await;
    let mut whole = bert.ready_stream("").await;
    let after = bert.now().await;
    let poller = bert.clone();
    let wait = query(&[("after", &after), ("wait", "20")]);
    let poll = tokio::spawn(async move { poller.updates(&wait).await.expect(200) });
    send_marker(&anna, &elsewhere, &mut [&mut narrowed, &mut whole]).await;
    assert_eq!(poll.await.expect("it is answered")["events"][0]["type"], "message.created");
    let (poller, wait) = (bert.clone(), query(&[("after", &bert.now().await), ("wait", "20")]));
    let poll = tokio::spawn(async move { poller.updates(&wait).await.expect(200) });
    let waits =
        async || app.sql().await.query_one("SELECT 1 FROM connections WHERE transport = 'poll'", &[]).await.ok();
    eventually("the poll is known to wait", SOON, waits).await;
    anna.send_typing(&here).await.expect(204);
    assert_eq!(whole.next_ephemeral("typing").await.value["conversation_id"], json!(here));
    send_marker(&anna, &elsewhere, &mut [&mut narrowed, &mut whole]).await;
    assert_eq!(narrowed.ephemeral_count("typing"), 0);
    let batch = poll.await.expect("it is answered");
    let kinds: Vec<_> = batch["events"].as_array().expect("events").iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["message.created"]);
}

#[tokio::test]
async fn typing_is_refused_to_and_hidden_from_former_members() {
    let app = TestApp::start().await;
    let [anna, bert, carl, dora] = app.guests(["anna", "bert", "carl", "dora"]).await;
    let group = anna.create_group(&[&bert, &carl]).await;
    let mut berts = bert.ready_stream("").await;
    let mut carls = carl.ready_stream("").await;
    send_marker(&anna, &group, &mut [&mut berts, &mut carls]).await;
    bert.send_typing(&group).await.expect(204);
    carls.next_ephemeral("typing").await;
    bert.remove_member(&group, "me").await.expect(204);
    anna.send_typing(&group).await.expect(204);
    carls.next_ephemeral("typing").await;
    let others = anna.create_group(&[&bert]).await;
    send_marker(&anna, &others, &mut [&mut berts]).await;
    assert_eq!(berts.ephemeral_count("typing"), 0);
    for stranger in [&bert, &dora] {
        stranger.send_typing(&group).await.problem(404, "not_found");
    }
    for path in ["0", "01900000-0000-7000-8000-000000000001"] {
        anna.send_typing(path).await.problem(404, "not_found");
    }
    app.anonymous().send_typing(&group).await.problem(401, "token_missing");
    let path = format!("/v1/conversations/{group}/typing?loud=1");
    anna.answer(anna.request(Method::POST, &path)).await.problem(400, "malformed");
}

#[tokio::test]
async fn typing_is_sent_once_for_keystrokes_in_a_row() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let mut berts = bert.ready_stream("").await;
    send_marker(&anna, &group, &mut [&mut berts]).await;
    for _ in 0..20 {
        anna.send_typing(&group).await.expect(204);
    }
    berts.next_ephemeral("typing").await;
    send_marker(&anna, &group, &mut [&mut berts]).await;
    assert!(berts.ephemeral_count("typing") <= 2, "{}", berts.ephemeral_count("typing"));
}
