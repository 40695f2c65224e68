//! Tickets.

use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::query::NoQuery;
use crate::http::respond::json::JsonResponse;
use crate::http::respond::problem::Problem;
use crate::wire::Ticket;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;

/// Ticket for a stream
///
/// For clients that cannot send headers, such as EventSource: opens one stream within 30 s.
#[utoipa::path(
    post,
    path = "/v1/tickets",
    operation_id = "create_ticket",
    tag = "Receiving",
    security(("token" = [])),
    responses((status = 201, description = "The ticket", body = Ticket)),
)]
pub async fn create_ticket(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    _: NoQuery,
) -> Result<Response, Problem> {
    Ok(JsonResponse(StatusCode::CREATED, app.domain.make_ticket(&caller).await?).into_response())
}
