//! Streams, by SSE and NDJSON.

use reqwest::Method;
use serde_json::json;

use crate::support::{SOON, Stream, TestApp, User, cursors, query, within};

async fn two_members(app: &TestApp) -> (User, User, String) {
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    (anna, bert, group)
}

async fn stream_from(user: &User, last_event_id: &str, parameters: &str) -> Stream {
    let request = user.request(Method::GET, &format!("/v1/stream{parameters}"));
    user.open_stream(request.header("last-event-id", last_event_id)).await
}

async fn ndjson(user: &User, parameters: &str) -> Stream {
    let request = user.request(Method::GET, &format!("/v1/stream{parameters}"));
    user.open_stream(request.header("accept", "application/x-ndjson")).await
}

#[tokio::test]
async fn stream_starts_with_ready_and_the_documented_headers() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let head = bert.now().await;
    let mut lines = ndjson(&bert, "").await;
    let mut events = bert.stream("").await;
    for (stream, media_type) in [(&mut events, "text/event-stream"), (&mut lines, "application/x-ndjson")] {
        let header = |name: &str| stream.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        assert_eq!(header("content-type").as_deref(), Some(media_type));
        assert_eq!(header("cache-control").as_deref(), Some("no-store, no-transform"));
        assert_eq!(header("x-accel-buffering").as_deref(), Some("no"));
        assert!(header("x-request-id").is_some());
        let ready = stream.next().await;
        assert_eq!(
            (ready.kind.as_str(), &ready.value["heartbeat"], &ready.value["cursor"]),
            ("ready", &json!(15), &json!(head))
        );
        assert!(ready.value["connection_id"].is_string(), "{}", ready.value);
    }
    assert!(events.retry().is_some_and(|milliseconds| (1..=60_000).contains(&milliseconds)), "{:?}", events.retry());
    anna.say(&group, "hi").await;
    assert_eq!(events.next_event().await.value, lines.next_event().await.value);
}

#[tokio::test]
async fn stream_resumes_after_the_last_event_seen() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    let mut cursor = bert.now().await;
    for round in 0..6 {
        anna.on(round % 2).say(&group, &format!("a{round}")).await;
        let bert = bert.on(round / 2 % 2);
        let mut stream = match round % 3 {
            0 => stream_from(&bert, &cursor, "").await,
            1 => bert.stream(&query(&[("after", &cursor)])).await,
            _ => ndjson(&bert, &query(&[("after", &cursor)])).await,
        };
        let ready = stream.next().await;
        assert_eq!((ready.kind.as_str(), ready.cursor.as_deref()), ("ready", Some(cursor.as_str())));
        assert_eq!(stream.next_event().await.text(), format!("a{round}"));
        anna.say(&group, &format!("b{round}")).await;
        let live = stream.next_event().await;
        assert_eq!(live.text(), format!("b{round}"));
        cursor = live.cursor.expect("a cursor");
    }
}

#[tokio::test]
async fn stream_prefers_last_event_id_over_after() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let first = bert.now().await;
    anna.say(&group, "one").await;
    let second = bert.now().await;
    anna.say(&group, "two").await;
    let after = |cursor: &str| query(&[("after", cursor)]);
    for (header, parameters, expected) in
        [(first.as_str(), after(&second), "one"), (&second, after("start"), "two"), ("", after(&second), "two")]
    {
        let mut stream = stream_from(&bert, header, &parameters).await;
        assert_eq!(stream.next().await.kind, "ready");
        assert_eq!(stream.next_event().await.text(), expected);
    }
    let mut stream = stream_from(&bert, "", "?after=").await;
    assert_eq!(stream.next().await.cursor, Some(bert.now().await));
}

#[tokio::test]
async fn stream_with_a_dead_cursor_gets_a_reset_and_continues() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    let head = bert.now().await;
    let dead = [cursors::moved(&head, 1000), cursors::foreign(&head)];
    let garbage = ["abc", "-1", "99999999999999999999", &"x".repeat(4096)].map(str::to_owned);
    let mut streams = Vec::new();
    for cursor in dead.iter().chain(&garbage) {
        streams.push(stream_from(&bert, cursor, "").await);
    }
    for cursor in &dead {
        streams.push(bert.on(1).stream(&query(&[("after", cursor)])).await);
        streams.push(ndjson(&bert, &query(&[("after", cursor)])).await);
    }
    for stream in &mut streams {
        let reset = stream.next().await;
        assert_eq!((reset.kind.as_str(), &reset.value["code"]), ("reset", &json!("cursor_unknown")), "{}", reset.value);
        assert_eq!(reset.cursor.as_ref(), Some(&head));
        assert_eq!(stream.next().await.kind, "ready");
    }
    anna.say(&group, "after the reset").await;
    for stream in &mut streams {
        assert_eq!(stream.next_event().await.text(), "after the reset");
    }
    bert.get("/v1/stream?after=abc").await.problem(400, "cursor_malformed");
}

#[tokio::test]
async fn stream_of_one_conversation_is_silent_after_the_removal_of_its_user() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    let other = anna.create_group(&[&bert]).await;
    let parameters = query(&[("conversation", &group)]);
    let (mut narrow, mut whole) = (bert.on(1).ready_stream(&parameters).await, bert.ready_stream("").await);
    anna.say(&other, "elsewhere").await;
    anna.say(&group, "here").await;
    assert_eq!(narrow.next_event().await.text(), "here");
    anna.remove_member(&group, "bert").await.expect(204);
    assert_eq!(narrow.next_event().await.kind, "member.left");
    anna.say(&group, "not for bert").await;
    anna.say(&other, "the end").await;
    for text in ["elsewhere", "here"] {
        assert_eq!(whole.next_event().await.text(), text);
    }
    assert_eq!(whole.next_event().await.kind, "member.left");
    assert_eq!(whole.next_event().await.text(), "the end");
    anna.put_member(&group, "bert", json!({})).await.expect(201);
    assert_eq!(narrow.next_event().await.kind, "member.joined");
    anna.say(&group, "again").await;
    assert_eq!(narrow.next_event().await.text(), "again");
}

#[tokio::test]
async fn stream_above_the_limit_replaces_the_oldest() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let mut streams = Vec::new();
    for _ in 0..21 {
        streams.push(bert.ready_stream("").await);
    }
    let mut oldest = streams.remove(0);
    oldest.expect_end("replaced").await;
    anna.say(&group, "hi").await;
    for stream in &mut streams {
        assert_eq!(stream.next_event().await.text(), "hi");
    }
}

#[tokio::test]
async fn end_cursor_covers_all_that_was_sent() {
    let mut app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    let mut stream = bert.ready_stream("").await;
    anna.say(&group, "before").await;
    assert_eq!(stream.next_event().await.text(), "before");
    anna.say(&anna.create_group(&[]).await, "not for bert").await;
    app.drain(0);
    let end = stream.expect_end("draining").await.cursor.expect("a cursor");
    anna.on(1).say(&group, "after").await;
    let mut stream = bert.on(1).ready_stream(&query(&[("after", &end)])).await;
    assert_eq!(stream.next_event().await.text(), "after");
    app.stop(0).await;
}

#[tokio::test]
async fn heartbeat_comes_every_fifteen_seconds() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let (mut events, mut lines) = (bert.ready_stream("").await, ndjson(&bert, "").await);
    lines.next_of("ready").await;
    tokio::join!(events.heartbeat(), lines.heartbeat());
    anna.say(&group, "still there").await;
    assert_eq!(events.next_event().await.text(), "still there");
    assert_eq!(lines.next_event().await.text(), "still there");
}

#[tokio::test]
async fn cursor_above_the_head_of_a_node_waits_for_it() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    for round in 0..30 {
        let message = anna.say(&group, &round.to_string()).await;
        let cursor = message["cursor"].as_str().expect("a cursor").to_owned();
        let mut stream = bert.on(1).ready_stream(&query(&[("after", &cursor)])).await;
        let next = anna.say(&group, "next").await;
        let event = within("the next event", SOON, stream.next_event()).await;
        assert_eq!(event.value["data"]["message"]["id"], next["id"]);
    }
}

#[tokio::test]
async fn burst_above_the_size_of_one_write_reaches_live_streams_whole() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    let (mut near, mut far) = (bert.ready_stream("").await, bert.on(1).ready_stream("").await);
    // Below what may wait for a client, so that nobody is cut.
    let (count, text) = (24, "x".repeat(4_000));
    for _ in 0..5 {
        let start = bert.now().await;
        let sends = (0..count).map(|_| anna.send(&group, &text));
        futures_util::future::join_all(sends).await.iter().for_each(|answer| drop(answer.expect(201)));
        let (expected, _) = bert.collect(&start, count).await;
        for expected in &expected {
            assert_eq!(near.next_event().await.value, *expected);
            assert_eq!(far.next_event().await.value, *expected);
        }
    }
}
