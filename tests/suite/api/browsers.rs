//! Web pages of allowed origins call the server from a browser; others do not.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Raw, TestApp, User, query};

const LOCAL: &str = "http://localhost:5173";
const EXPOSED: [&str; 10] = [
    "x-request-id",
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "idempotency-replayed",
    "content-disposition",
    "content-range",
    "etag",
    "location",
    "preference-applied",
];
const ACCEPTED: [&str; 9] = [
    "authorization",
    "content-type",
    "accept",
    "idempotency-key",
    "last-event-id",
    "prefer",
    "range",
    "if-none-match",
    "content-disposition",
];

async fn get_from(user: &User, path: &str, origin: &str) -> Answer {
    user.answer(user.request(Method::GET, path).header("origin", origin)).await
}

/// Asks whether a page may send JSON.
async fn preflight(user: &User, origin: &str) -> Answer {
    let request = user.request(Method::OPTIONS, "/v1/messages").header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    user.answer(request.header("access-control-request-headers", "authorization,content-type")).await
}

fn names(answer: &Answer, header: &str) -> Vec<String> {
    answer.header(header).unwrap_or_default().split(',').map(|name| name.trim().to_lowercase()).collect()
}

#[tokio::test]
async fn page_of_this_machine_reads_answers_and_refusals_but_never_with_credentials() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    for (answer, status) in
        [(get_from(&anna, "/v1/me", LOCAL).await, 200), (get_from(&app.anonymous(), "/v1/me", LOCAL).await, 401)]
    {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(LOCAL));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert_eq!(names(&answer, "access-control-expose-headers"), EXPOSED);
        assert!(names(&answer, "vary").contains(&"origin".to_owned()), "{answer:?}");
    }
}

#[tokio::test]
async fn preflight_is_answered_without_a_token_and_kept_for_two_hours() {
    let app = TestApp::start().await;
    let answer = preflight(&app.anonymous(), LOCAL).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(LOCAL));
    assert_eq!(answer.header("access-control-max-age"), Some("7200"));
    assert_eq!(names(&answer, "access-control-allow-headers"), ACCEPTED);
    let methods = names(&answer, "access-control-allow-methods");
    assert_eq!(methods, ["get", "head", "post", "put", "patch", "delete"]);
    assert!(answer.header("x-request-id").is_some(), "{answer:?}");
}

#[tokio::test]
async fn page_of_another_origin_is_not_let_in_and_other_clients_see_no_difference() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    for origin in ["https://evil.example", "http://localhost.evil.example", "null"] {
        let answers = [get_from(&anna, "/v1/me", origin).await, preflight(&anna, origin).await];
        assert!(answers.iter().all(|answer| answer.header("access-control-allow-origin").is_none()), "{origin}");
    }
    let answer = anna.me().await;
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{answer:?}");
    // What is no preflight is still a method that no path has.
    anna.answer(anna.request(Method::OPTIONS, "/v1/me")).await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn allowed_origins_are_those_of_the_setting_alone() {
    let listed = TestApp::builder().flag("--allowed-origins", "https://app.example.com,http://b.example:8080");
    let listed = listed.start().await;
    let anna = listed.guest("anna").await;
    for (origin, allowed) in [
        ("https://app.example.com", true),
        ("http://b.example:8080", true),
        ("http://app.example.com", false),
        ("http://b.example", false),
        (LOCAL, false),
    ] {
        for answer in [get_from(&anna, "/v1/me", origin).await, preflight(&anna, origin).await] {
            assert_eq!(answer.header("access-control-allow-origin"), allowed.then_some(origin), "{origin}");
        }
    }
    let open = TestApp::builder().flag("--allowed-origins", "*").start().await;
    let answer = get_from(&open.guest("anna").await, "/v1/me", "https://anything.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn streams_and_waiting_polls_are_open_to_pages_too() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let origin = format!("Origin: {LOCAL}\r\n");
    let allowed = format!("access-control-allow-origin: {LOCAL}\r\n");
    let mut stream = Raw::connect(&anna).await;
    stream.write(&stream.get("/v1/stream", &origin)).await;
    let (status, head) = stream.head().await;
    assert!(status == 200 && head.contains(&allowed) && head.contains("text/event-stream"), "{head}");
    let mut poll = Raw::connect(&anna).await;
    poll.write(&poll.get(&format!("/v1/updates{}", query(&[("wait", "55")])), &origin)).await;
    let group = anna.post("/v1/conversations", json!({"kind": "group", "members": []})).await;
    group.expect(201);
    let answer = poll.answer().await;
    assert!(answer.status == 200 && answer.head.contains(&allowed), "{}", answer.head);
}
