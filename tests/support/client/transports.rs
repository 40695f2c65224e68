//! Reads by all three transports, which must carry the same events.

use reqwest::Method;
use serde_json::Value;

use super::user::{User, query};

/// Answers the next `count` events of a user after a cursor, and asserts that poll, SSE and NDJSON have the same.
pub async fn events_after(user: &User, after: &str, count: usize) -> Vec<Value> {
    let (polled, _) = user.collect(after, count).await;
    let path = format!("/v1/stream{}", query(&[("after", after)]));
    for accept in ["text/event-stream", "application/x-ndjson"] {
        let mut stream = user.open_stream(user.request(Method::GET, &path).header("accept", accept)).await;
        stream.next_of("ready").await;
        for event in &polled {
            assert_eq!(stream.next_event().await.value, *event, "by {accept}");
        }
    }
    assert_eq!(polled.len(), count, "{polled:#?}");
    polled
}

/// Answers the types of events.
pub fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap_or_else(|| panic!("no type in {event}"))).collect()
}
