//! Hand-over: the connections of streams and waiting polls are taken out of the HTTP library. Requests before, between
//! and after them on the same connection are answered as if they were not.

use serde_json::{Value, json};

use crate::support::{Raw, SOON, TestApp, User, query, within};

async fn two_members(app: &TestApp) -> (User, User, String) {
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    (anna, bert, group)
}

fn updates(after: &str, wait: &str) -> String {
    format!("/v1/updates{}", query(&[("after", after), ("wait", wait)]))
}

fn texts(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().expect("events");
    events.iter().map(|event| event["data"]["message"]["text"].as_str().expect("a text")).collect()
}

fn name(me: &Value) -> &str {
    me["name"].as_str().expect("a name")
}

#[tokio::test]
async fn polls_share_a_connection_with_pipelined_requests() {
    const POLLS: usize = 200;
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let mut raw = Raw::connect(&bert).await;
    let mut cursor = bert.now().await;
    let mut seen = Vec::new();
    for number in 0..POLLS {
        let poll = raw.get(&updates(&cursor, "55"), "");
        let early = number % 3 == 0;
        // In one piece, so that it is read with the poll; or while the poll waits.
        let me = raw.get("/v1/me", "");
        raw.write(&if early { poll + &me } else { poll }).await;
        anna.say(&group, &number.to_string()).await;
        if number % 3 == 1 {
            raw.write(&me).await;
        }
        let page = raw.answer().await.json();
        seen.extend(texts(&page).into_iter().map(str::to_owned));
        assert_eq!(page["from"], cursor.as_str());
        cursor = page["cursor"].as_str().expect("a cursor").to_owned();
        if number % 3 < 2 {
            assert_eq!(name(&raw.answer().await.json()), "bert");
        }
    }
    assert_eq!(seen, (0..POLLS).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn request_before_a_poll_is_answered_before_the_poll_waits() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let mut raw = Raw::connect(&bert).await;
    let (me, poll) = (raw.get("/v1/me", ""), raw.get(&updates(&bert.now().await, "55"), ""));
    raw.write(&(me.clone() + &me + &poll + &me)).await;
    for _ in 0..2 {
        assert_eq!(name(&raw.answer().await.json()), "bert");
    }
    anna.say(&group, "hi").await;
    assert_eq!(texts(&raw.answer().await.json()), ["hi"]);
    assert_eq!(name(&raw.answer().await.json()), "bert");
}

#[tokio::test]
async fn response_headers_of_a_handed_over_connection_are_the_usual_ones() {
    let app = TestApp::start().await;
    let (_, bert, _) = two_members(&app).await;
    let mut raw = Raw::connect(&bert).await;
    raw.write(&raw.get(&updates("now", "1"), "")).await;
    let answer = raw.answer().await;
    assert_eq!(answer.json()["events"], json!([]));
    let common = ["x-request-id: ", "x-content-type-options: nosniff", "referrer-policy: no-referrer", "date: "];
    let own = ["content-type: application/json", "cache-control: no-store"];
    for header in common.iter().chain(&own) {
        assert_eq!(answer.head.matches(header).count(), 1, "{header}: {}", answer.head);
    }
    raw.write(&raw.get("/v1/stream", "")).await;
    let (status, head) = raw.head().await;
    let own = [
        "content-type: text/event-stream\r\n",
        "transfer-encoding: chunked",
        "connection: close",
        "x-accel-buffering: no",
    ];
    assert_eq!(status, 200);
    for header in common.iter().chain(&own) {
        assert_eq!(head.matches(header).count(), 1, "{header}: {head}");
    }
    assert!(!head.contains("content-length"), "{head}");
}

#[tokio::test]
async fn stream_is_the_last_response_of_its_connection() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let mut raw = Raw::connect(&bert).await;
    let (stream, me) = (raw.get("/v1/stream", ""), raw.get("/v1/me", ""));
    raw.write(&(stream + &me)).await;
    raw.read_until("event: ready").await;
    raw.write(&me).await;
    anna.say(&group, "hi").await;
    let read = raw.read_until("event: message.created").await;
    assert_eq!(read.matches("HTTP/1.1").count(), 1, "{read}");
    raw.half_close().await;
    let rest = raw.rest().await;
    assert!(!rest.contains("HTTP/1.1 200 OK\r\ncontent-type: application/json"), "{rest}");
}

#[tokio::test]
async fn half_closed_client_counts_as_gone() {
    let app = TestApp::start().await;
    let (_, bert, _) = two_members(&app).await;
    for path in [updates("now", "55"), "/v1/stream".to_owned()] {
        let mut raw = Raw::connect(&bert).await;
        raw.write(&raw.get(&path, "")).await;
        raw.half_close().await;
        let rest = within("the connection ends long before the poll does", SOON, raw.rest()).await;
        assert!(!rest.contains("\"events\""), "{rest}");
    }
}

#[tokio::test]
async fn http_1_0_client_gets_an_unchunked_stream_and_polls() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let mut raw = Raw::connect(&bert).await;
    raw.write(&raw.request("GET", "/v1/stream", "1.0", "")).await;
    let (status, head) = raw.head().await;
    assert_eq!((status, head.contains("transfer-encoding")), (200, false), "{head}");
    let read = raw.read_until("event: ready").await;
    assert!(read.starts_with("retry: "), "a chunk: {read}");
    anna.say(&group, "hi").await;
    raw.read_until("\"text\":\"hi\"").await;
    let mut raw = Raw::connect(&bert).await;
    let before = bert.now().await;
    raw.write(&raw.request("GET", &updates(&before, "55"), "1.0", "")).await;
    anna.say(&group, "ho").await;
    assert_eq!(texts(&raw.answer().await.json()), ["ho"]);
}

#[tokio::test]
async fn body_of_a_get_is_never_read_as_the_next_request() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let hidden = "GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n";
    let chunked = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let bodies = [
        (format!("Content-Length: {}\r\n", hidden.len()), hidden.to_owned()),
        ("Transfer-Encoding: chunked\r\n".to_owned(), chunked),
    ];
    for (header, body) in bodies {
        let mut raw = Raw::connect(&bert).await;
        let before = bert.now().await;
        raw.write(&(raw.get(&updates(&before, "55"), &header) + &body + &raw.get("/v1/me", ""))).await;
        anna.say(&group, "hi").await;
        assert_eq!(texts(&raw.answer().await.json()), ["hi"]);
        assert_eq!(name(&raw.answer().await.json()), "bert");
        let mut raw = Raw::connect(&bert).await;
        raw.write(&(raw.get("/v1/stream", &header) + &body)).await;
        let read = raw.read_until("event: ready").await;
        assert_eq!(read.matches("HTTP/1.1 ").count(), 1, "{read}");
    }
}

#[tokio::test]
async fn client_that_pipelines_too_much_during_a_poll_is_cut() {
    let app = TestApp::start().await;
    let (_, bert, _) = two_members(&app).await;
    for path in [updates("now", "55"), "/v1/stream".to_owned()] {
        let mut raw = Raw::connect(&bert).await;
        raw.write(&raw.get(&path, "")).await;
        if path == "/v1/stream" {
            raw.read_until("event: ready").await;
        }
        raw.write(&"x".repeat(192 * 1024)).await;
        let rest = within("the connection ends", SOON, raw.rest()).await;
        assert!(!rest.contains("\"events\""), "{rest}");
    }
}

#[tokio::test]
async fn poll_with_connection_close_closes_its_connection() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let mut raw = Raw::connect(&bert).await;
    let before = bert.now().await;
    raw.write(&raw.get(&updates(&before, "55"), "Connection: close\r\n")).await;
    anna.say(&group, "hi").await;
    let answer = raw.answer().await;
    assert_eq!(texts(&answer.json()), ["hi"]);
    assert!(answer.head.contains("connection: close\r\n"), "{}", answer.head);
    assert_eq!(raw.rest().await, "");
}

#[tokio::test]
async fn waiting_poll_of_a_revoked_session_answers_a_problem() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    let mut raw = Raw::connect(&anna).await;
    let mut stream = anna.ready_stream("").await;
    raw.write(&raw.get(&updates("now", "55"), "")).await;
    anna.delete("/v1/sessions/current").await.expect(204);
    stream.expect_end("revoked").await;
    let answer = raw.answer().await;
    let problem: Value = serde_json::from_slice(&answer.body).expect("a problem");
    assert_eq!((answer.status, &problem["code"]), (401, &json!("session_revoked")));
    let id = problem["request_id"].as_str().expect("an id");
    assert!(answer.head.contains(&format!("x-request-id: {id}")), "{}", answer.head);
    assert!(answer.head.contains("content-type: application/problem+json"), "{}", answer.head);
    assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
}
