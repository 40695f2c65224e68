//! Read marks.

use crate::domain::{Error, HistoryBound};
use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::json_body::JsonBody;
use crate::http::extract::path::PathParam;
use crate::http::extract::query::NoQuery;
use crate::http::respond::json;
use crate::http::respond::problem::{Problem, malformed};
use crate::ids::{ConversationId, MessageId};
use crate::log::Cursor;
use crate::wire::ReadState;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

/// How far I have read: one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutRead {
    /// Up to this message, which is one of the conversation.
    message_id: Option<MessageId>,
    /// Up to this cursor.
    #[schema(example = json!(null))]
    cursor: Option<String>,
}

/// Mark as read
///
/// Up to a message or a cursor; never backwards. Who marks again within a second is answered then.
#[utoipa::path(
    put,
    path = "/v1/conversations/{id}/read",
    operation_id = "put_read",
    tag = "Conversations",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The conversation")),
    request_body = PutRead,
    responses(
        (status = 200, description = "How far I have read now", body = ReadState),
        (status = 410, description = "`cursor_unknown`"),
    ),
)]
pub async fn put_read(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<ConversationId>,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<PutRead>,
) -> Result<Response, Problem> {
    let reached = match (value.message_id, value.cursor) {
        (Some(message), None) => HistoryBound::Message(message),
        (None, Some(cursor)) => HistoryBound::Cursor(Cursor::parse(&cursor).ok_or(Error::CursorMalformed)?),
        _ => return Err(malformed("message_id", "is needed, or cursor, and not both")),
    };
    Ok(json::ok(app.domain.mark_read(&caller, id, reached).await?))
}
