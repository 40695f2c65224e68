//! Sessions.

use crate::domain::{Credentials, Error};
use crate::http::app::App;
use crate::http::extract::caller::{Anonymous, Authenticated};
use crate::http::extract::json_body::JsonBody;
use crate::http::extract::page::PageParams;
use crate::http::extract::path::PathParam;
use crate::http::extract::query::{NoQuery, QueryParams};
use crate::http::respond::json::{self, JsonResponse};
use crate::http::respond::problem::Problem;
use crate::ids::SessionId;
use crate::wire::{List, ListedSession, LoggedIn, Session};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Name and password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSession {
    #[schema(example = "anna")]
    name: String,
    #[schema(example = "correct horse")]
    password: String,
    /// What the session is called in lists.
    #[schema(example = "laptop", min_length = 1, max_length = 100)]
    device: Option<String>,
}

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshSession {
    refresh_token: String,
}

/// Where the next page of sessions begins.
#[derive(Debug, Serialize, Deserialize)]
struct SessionsPageToken {
    before: SessionId,
}

/// Log in
#[utoipa::path(
    post,
    path = "/v1/sessions",
    operation_id = "create_session",
    tag = "Accounts",
    request_body = CreateSession,
    responses(
        (status = 201, description = "The user and a new session", body = LoggedIn),
        (status = 401, description = "`credentials_wrong`"),
    ),
)]
pub async fn create_session(
    State(app): State<App>,
    _: Anonymous,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<CreateSession>,
) -> Result<Response, Problem> {
    let CreateSession { name, password, device } = value;
    let made = app.domain.log_in(Credentials { name, password, device }).await?;
    Ok(JsonResponse(StatusCode::CREATED, made).into_response())
}

/// Refresh
///
/// Answers new tokens. The old refresh token stays good until the new one is used, and for a minute at least; using it
/// after that ends the session.
#[utoipa::path(
    post,
    path = "/v1/sessions/refresh",
    operation_id = "refresh_session",
    tag = "Accounts",
    request_body = RefreshSession,
    responses(
        (status = 200, description = "The session with new tokens", body = Session),
        (status = 401, description = "`token_invalid`, `token_expired`, `session_revoked`"),
    ),
)]
pub async fn refresh_session(
    State(app): State<App>,
    _: Anonymous,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<RefreshSession>,
) -> Result<Response, Problem> {
    Ok(json::ok(app.domain.refresh(&value.refresh_token).await?))
}

/// My sessions
///
/// Those that have not ended, begun last first.
#[utoipa::path(
    get,
    path = "/v1/sessions",
    operation_id = "list_sessions",
    tag = "Accounts",
    security(("token" = [])),
    params(PageParams),
    responses((status = 200, description = "A page", body = List<ListedSession>)),
)]
pub async fn list_sessions(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    QueryParams(params): QueryParams<PageParams>,
) -> Result<Response, Problem> {
    let page = params.read::<SessionsPageToken>()?;
    let before = page.token.as_ref().map(|token| token.before);
    let (items, more) = app.domain.list_sessions(&caller, before, page.limit).await?;
    let next = items.last().filter(|_| more).map(|last| page.next(SessionsPageToken { before: last.id }));
    Ok(json::ok(List { items, next }))
}

/// Log out
///
/// Ends one of my sessions, with its streams.
#[utoipa::path(
    delete,
    path = "/v1/sessions/{id}",
    operation_id = "delete_session",
    tag = "Accounts",
    security(("token" = [])),
    params(("id" = String, Path, description = "An id, or `current`")),
    responses((status = 204, description = "It has ended")),
)]
pub async fn delete_session(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<String>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    if id == "current" {
        app.domain.log_out(&caller).await?;
    } else {
        app.domain.revoke(&caller, SessionId::parse(&id).ok_or(Error::NotFound)?).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
