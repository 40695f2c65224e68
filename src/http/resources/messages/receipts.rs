//! Read receipts of messages.

use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::page::PageParams;
use crate::http::extract::path::PathParam;
use crate::http::extract::query::QueryParams;
use crate::http::respond::json;
use crate::http::respond::problem::Problem;
use crate::ids::{MessageId, Position, UserId};
use crate::wire::{List, ReadReceipt};
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// Where the next page of receipts begins.
#[derive(Debug, Serialize, Deserialize)]
struct ReceiptsPageToken {
    joined_at: i64,
    user: UserId,
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
    QueryParams(params): QueryParams<PageParams>,
) -> Result<Response, Problem> {
    let page = params.read::<ReceiptsPageToken>()?;
    let after = page.token.as_ref().map(|token| (Position(token.joined_at), token.user));
    let listed = app.domain.receipts(&caller, id, after, page.limit).await?;
    let next = listed.next.map(|(joined_at, user)| page.next(ReceiptsPageToken { joined_at: joined_at.0, user }));
    Ok(json::ok(List { items: listed.items, next }))
}
