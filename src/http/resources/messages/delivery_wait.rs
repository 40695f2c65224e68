//! Responses to sends that wait until the message was delivered to somebody.

use crate::domain::{Caller, Created};
use crate::http::app::App;
use crate::http::respond::json;
use crate::ids::UserId;
use crate::log::Cursor;
use crate::wire::Message;
use axum::response::Response;
use hyper::header::{HeaderName, HeaderValue};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// A message that was sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct SentMessage {
    #[serde(flatten)]
    message: Message,
    /// Where `Prefer: wait=N` was given: those others who had been handed it by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<UserId>, required = false)]
    delivered: Option<Vec<UserId>>,
}

/// Answers with a message that was sent. Where the client wants to wait, it answers once the message was delivered to
/// somebody, or when the time is over, or when the node drains.
pub async fn respond(app: &App, caller: &Caller, sent: Created<Message>, wait: Option<usize>) -> Response {
    let Some((wait, at)) = wait.and_then(|wait| Some((wait, Cursor::parse(&sent.thing.cursor)?))) else {
        return json::created(sent);
    };
    let delivered = match wait {
        0 => Vec::new(),
        _ => {
            let time = Duration::from_secs(wait as u64);
            let delivered = app.presence.delivered(at, sent.thing.conversation_id, caller.user.id, time);
            tokio::select! {
                delivered = delivered => delivered,
                () = app.shutdown.requested() => Vec::new(),
            }
        }
    };
    let thing = SentMessage { message: sent.thing, delivered: Some(delivered) };
    let mut response = json::created(Created { thing, created: sent.created, replayed: sent.replayed });
    if let Ok(applied) = HeaderValue::from_str(&format!("wait={wait}")) {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    response
}
