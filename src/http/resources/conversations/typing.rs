//! Who types.

use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::path::PathParam;
use crate::http::extract::query::NoQuery;
use crate::http::respond::problem::Problem;
use crate::ids::ConversationId;
use axum::extract::State;
use hyper::StatusCode;

/// Tell that I type
///
/// Streams of the other members get `typing`, which lapses after 6 s: say it again every 3 to 5 s while it lasts. More
/// often than every 2.5 s it is delivered once. In a conversation with more than 50 members on a node, it is not delivered
/// there. Nothing is stored.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/typing",
    operation_id = "create_typing",
    tag = "Presence",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The conversation")),
    responses((status = 204, description = "Delivered to those who are connected")),
)]
pub async fn create_typing(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<ConversationId>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    let at = app.domain.check_present(&caller, id).await?;
    app.presence.typing(&caller.user, id, at);
    Ok(StatusCode::NO_CONTENT)
}
