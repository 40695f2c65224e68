//! Read marks and receipts.

use super::App;
use super::answer;
use super::body::Json;
use super::caller::Authenticated;
use super::page::PageParams;
use super::path::PathParam;
use super::problem::{Problem, malformed};
use super::query::{NoQuery, Query};
use crate::domain::{Error, HistoryBound};
use crate::ids::{ConversationId, MessageId, Position, UserId};
use crate::log::Cursor;
use crate::wire::{List, ReadReceipt, ReadState};
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
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

/// Where the next page of receipts begins.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    joined_at: i64,
    user: UserId,
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
    Json { value, .. }: Json<PutRead>,
) -> Result<Response, Problem> {
    let reached = match (value.message_id, value.cursor) {
        (Some(message), None) => HistoryBound::Message(message),
        (None, Some(cursor)) => HistoryBound::Cursor(Cursor::parse(&cursor).ok_or(Error::CursorMalformed)?),
        _ => return Err(malformed("message_id", "is needed, or cursor, and not both")),
    };
    Ok(answer::ok(app.domain.mark_read(&caller, id, reached).await?))
}

/// Who has read a message
///
/// Present members, in order of joining; in conversations of more than 50 members, the caller alone.
#[utoipa::path(
    get,
    path = "/v1/messages/{id}/receipts",
    operation_id = "list_receipts",
    tag = "Messages",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The message"), PageParams),
    responses((status = 200, description = "A page", body = List<ReadReceipt>)),
)]
pub async fn list_receipts(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<MessageId>,
    Query(params): Query<PageParams>,
) -> Result<Response, Problem> {
    let page = params.read::<Place>()?;
    let after = page.place.as_ref().map(|place| (Position(place.joined_at), place.user));
    let listed = app.domain.receipts(&caller, id, after, page.limit).await?;
    let next = listed.next.map(|(joined_at, user)| page.next(Place { joined_at: joined_at.0, user }));
    Ok(answer::ok(List { items: listed.items, next }))
}
