//! Sending messages.

use super::delivery_wait::{self, SentMessage};
use crate::domain::MessageDraft;
use crate::http::app::App;
use crate::http::extract::body::MAX_LIST_BODY_BYTES;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::idempotent_request::IdempotentRequest;
use crate::http::extract::json_body::JsonBody;
use crate::http::extract::message_body::{MessageBody, MessageRequest};
use crate::http::extract::path::PathParam;
use crate::http::extract::prefer::PreferWait;
use crate::http::extract::query::NoQuery;
use crate::http::respond::problem::Problem;
use crate::ids::{AttachmentId, ConversationId, MessageId};
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A message to some users.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// Ids or names of users.
    #[schema(example = json!(["bert"]))]
    to: Vec<String>,
    /// 1 to 16,384 Unicode scalar values.
    #[schema(example = "hello", min_length = 1, max_length = 16_384)]
    text: String,
    /// A message of the same conversation.
    #[schema(example = json!(null))]
    reply_to: Option<MessageId>,
    /// An object of at most 4 KiB, which comes back untouched.
    #[schema(value_type = Option<Object>, example = json!({"color": "blue"}))]
    metadata: Option<Box<RawValue>>,
    /// At most 10 uploads of mine, each of which no message has yet.
    #[schema(max_items = 10, example = json!([]))]
    attachments: Option<Vec<AttachmentId>>,
}

/// Send to a conversation
///
/// As JSON; or a `text/plain` body or one as bare `curl -d` sends it, which is the text itself. With `Prefer: wait=N`, the
/// answer comes when a stream or a poll of somebody else has been handed the message, or after N seconds, at most 55.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/messages",
    operation_id = "create_message",
    tag = "Messages",
    security(("token" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The conversation"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`, in seconds", example = "wait=1"),
    ),
    request_body(content(
        (MessageRequest = "application/json"),
        (String = "text/plain", example = "hello"),
    )),
    responses(
        (status = 201, description = "Sent", body = SentMessage),
        (status = 409, description = "`idempotency_key_taken`"),
    ),
)]
pub async fn create_message(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<ConversationId>,
    _: NoQuery,
    PreferWait(wait): PreferWait,
    request: IdempotentRequest,
    MessageBody { draft, bytes }: MessageBody,
) -> Result<Response, Problem> {
    let sent = app.domain.send(&caller, id, draft, request.asked(&bytes)).await?;
    Ok(delivery_wait::respond(&app, &caller, sent, wait).await)
}

/// Send to users
///
/// One other user: to the direct conversation. Several: to the untitled group that was made this way and has had exactly
/// these members ever since. Either is made with the message if need be. `Prefer: wait=N` is taken as in sending to a
/// conversation.
#[utoipa::path(
    post,
    path = "/v1/messages",
    operation_id = "send_message",
    tag = "Messages",
    security(("token" = [])),
    params(("Prefer" = Option<String>, Header, description = "`wait=N`, in seconds", example = "wait=1")),
    request_body = SendMessage,
    responses(
        (status = 201, description = "Sent", body = SentMessage),
        (status = 409, description = "`idempotency_key_taken`"),
    ),
)]
pub async fn send_message(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    _: NoQuery,
    PreferWait(wait): PreferWait,
    request: IdempotentRequest,
    JsonBody { value, bytes }: JsonBody<SendMessage, MAX_LIST_BODY_BYTES>,
) -> Result<Response, Problem> {
    let SendMessage { to, text, reply_to, metadata, attachments } = value;
    let draft: MessageDraft = MessageRequest { text, reply_to, metadata, attachments }.into();
    let sent = app.domain.send_to(&caller, &to, draft, request.asked(&bytes)).await?;
    Ok(delivery_wait::respond(&app, &caller, sent, wait).await)
}
