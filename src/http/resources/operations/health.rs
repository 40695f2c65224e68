//! Whether this node is alive, and whether it is of use.

use crate::http::app::App;
use crate::http::extract::query::NoQuery;
use crate::http::respond::json;
use crate::http::respond::problem::Problem;
use crate::http::respond::problem_code::ProblemCode;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

/// All is well.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Alive
///
/// Whether this process answers at all.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "get_health",
    tag = "Operation",
    responses((status = 200, description = "It does", body = Health)),
)]
pub async fn get_health(_: NoQuery) -> Response {
    json::ok(Health { status: "ok" })
}

/// Ready
///
/// Whether the database is reached and this node is up to date with its log.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "get_readiness",
    tag = "Operation",
    responses((status = 200, description = "It is", body = Health)),
)]
pub async fn get_readiness(State(app): State<App>, _: NoQuery) -> Result<Response, Problem> {
    if app.shutdown.is_requested() {
        return Err(Problem::new(ProblemCode::Unavailable, "this node is shutting down"));
    }
    if !app.domain.is_writing() {
        return Err(Problem::new(
            ProblemCode::Unavailable,
            "this node can no longer write to the log, it must be restarted",
        ));
    }
    if !app.tailer.is_in_touch() {
        return Err(Problem::new(ProblemCode::Unavailable, "this node has not read the log for 3 s"));
    }
    Ok(json::ok(Health { status: "ok" }))
}
