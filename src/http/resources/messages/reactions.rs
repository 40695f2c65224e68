//! Reactions to messages.

use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::path::PathParams;
use crate::http::extract::query::NoQuery;
use crate::http::respond::problem::Problem;
use crate::ids::MessageId;
use axum::extract::State;
use hyper::StatusCode;

/// React
///
/// Puts an emoji of mine under a message. It is there once, however often it is put.
#[utoipa::path(
    put,
    path = "/v1/messages/{id}/reactions/{emoji}",
    operation_id = "put_reaction",
    tag = "Messages",
    security(("token" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The message"),
        ("emoji" = String, Path, description = "One emoji, percent-encoded", example = "👍"),
    ),
    responses((status = 204, description = "It is there"), (status = 403, description = "`forbidden`")),
)]
pub async fn put_reaction(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParams(id, emoji): PathParams<MessageId, String>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.domain.react(&caller, id, &emoji).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a reaction back
///
/// Takes an emoji of mine away. One that is not there stays away.
#[utoipa::path(
    delete,
    path = "/v1/messages/{id}/reactions/{emoji}",
    operation_id = "delete_reaction",
    tag = "Messages",
    security(("token" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The message"),
        ("emoji" = String, Path, description = "One emoji, percent-encoded", example = "👍"),
    ),
    responses((status = 204, description = "It is away")),
)]
pub async fn delete_reaction(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParams(id, emoji): PathParams<MessageId, String>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.domain.unreact(&caller, id, &emoji).await?;
    Ok(StatusCode::NO_CONTENT)
}
