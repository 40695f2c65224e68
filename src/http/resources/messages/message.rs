//! Messages, one by one.

use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::json_body::JsonBody;
use crate::http::extract::path::PathParam;
use crate::http::extract::query::NoQuery;
use crate::http::respond::json;
use crate::http::respond::problem::Problem;
use crate::ids::MessageId;
use crate::wire::{List, Message, Version};
use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// A message's new text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateMessage {
    /// 1 to 16,384 Unicode scalar values.
    #[schema(example = "hello again", min_length = 1, max_length = 16_384)]
    text: String,
}

/// One message
#[utoipa::path(
    get,
    path = "/v1/messages/{id}",
    operation_id = "get_message",
    tag = "Messages",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The message")),
    responses((status = 200, description = "The message", body = Message)),
)]
pub async fn get_message(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<MessageId>,
    _: NoQuery,
) -> Result<Response, Problem> {
    Ok(json::ok(app.domain.message(&caller, id).await?))
}

/// Edit a message
///
/// By its author alone. The same text again changes nothing.
#[utoipa::path(
    patch,
    path = "/v1/messages/{id}",
    operation_id = "update_message",
    tag = "Messages",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The message")),
    request_body = UpdateMessage,
    responses(
        (status = 200, description = "The message as it is now", body = Message),
        (status = 403, description = "`forbidden`"),
    ),
)]
pub async fn update_message(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<MessageId>,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<UpdateMessage>,
) -> Result<Response, Problem> {
    Ok(json::ok(app.domain.edit_message(&caller, id, value.text).await?))
}

/// Delete a message
///
/// By its author, or an admin or owner of the group. The text of all its versions is gone before this answers; the message
/// keeps its place.
#[utoipa::path(
    delete,
    path = "/v1/messages/{id}",
    operation_id = "delete_message",
    tag = "Messages",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The message")),
    responses((status = 204, description = "Deleted"), (status = 403, description = "`forbidden`")),
)]
pub async fn delete_message(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<MessageId>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.domain.delete_message(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Versions of a message
///
/// The oldest first, the present one last; none of a deleted message.
#[utoipa::path(
    get,
    path = "/v1/messages/{id}/edits",
    operation_id = "list_edits",
    tag = "Messages",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The message")),
    responses((status = 200, description = "All versions", body = List<Version>)),
)]
pub async fn list_edits(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<MessageId>,
    _: NoQuery,
) -> Result<Response, Problem> {
    Ok(json::ok(List { items: app.domain.edits(&caller, id).await?, next: None }))
}
