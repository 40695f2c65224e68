//! Cursors that the server stores by name.

use super::App;
use super::answer;
use super::body::Json;
use super::caller::Authenticated;
use super::page::PageParams;
use super::path::PathParam;
use super::problem::Problem;
use super::query::{NoQuery, Query};
use crate::domain::{CursorTarget, Error, NamedCursor};
use crate::log::Cursor;
use crate::wire::{List, Timestamp};
use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A stored cursor.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoredCursor {
    #[schema(example = "export")]
    name: String,
    cursor: String,
    /// Events of the log above it, mine or not.
    lag: i64,
    updated_at: Timestamp,
}

/// Where to put a cursor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutCursor {
    /// A cursor, `now` or `start`.
    #[schema(example = "now", pattern = "^(now|start|[A-Za-z0-9_-]{6,64})$")]
    cursor: String,
    /// Whether it may go backwards.
    #[schema(example = false)]
    rewind: Option<bool>,
}

/// Where the next page of cursors begins.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    name: String,
}

impl From<NamedCursor> for StoredCursor {
    fn from(named: NamedCursor) -> Self {
        Self {
            name: named.name,
            cursor: named.cursor.to_string(),
            lag: named.lag,
            updated_at: Timestamp(named.updated_at),
        }
    }
}

/// Reads a cursor, `now` or `start`.
///
/// # Errors
/// 400.
pub fn target(text: &str) -> Result<CursorTarget, Error> {
    match text {
        "now" => Ok(CursorTarget::Now),
        "start" => Ok(CursorTarget::Start),
        text => Cursor::parse(text).map(CursorTarget::Cursor).ok_or(Error::CursorMalformed),
    }
}

/// My stored cursors
#[utoipa::path(
    get,
    path = "/v1/cursors",
    operation_id = "list_cursors",
    tag = "Cursors",
    security(("token" = [])),
    params(PageParams),
    responses((status = 200, description = "A page", body = List<StoredCursor>)),
)]
pub async fn list_cursors(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(params): Query<PageParams>,
) -> Result<Response, Problem> {
    let page = params.read::<Place>()?;
    let after = page.place.as_ref().map_or("", |place| place.name.as_str());
    let (found, more) = app.domain.list_cursors(&caller, after, page.limit).await?;
    let next = found.last().filter(|_| more).map(|last| page.next(Place { name: last.name.clone() }));
    Ok(answer::ok(List { items: found.into_iter().map(StoredCursor::from).collect(), next }))
}

/// One stored cursor
#[utoipa::path(
    get,
    path = "/v1/cursors/{name}",
    operation_id = "get_cursor",
    tag = "Cursors",
    security(("token" = [])),
    params(("name" = String, Path, description = "1 to 64 of `[A-Za-z0-9._-]`", example = "export")),
    responses((status = 200, description = "The cursor", body = StoredCursor)),
)]
pub async fn get_cursor(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(name): PathParam<String>,
    _: NoQuery,
) -> Result<Response, Problem> {
    Ok(answer::ok(StoredCursor::from(app.domain.cursor(&caller, &name).await?)))
}

/// Store a cursor
///
/// Backwards only with `rewind`.
#[utoipa::path(
    put,
    path = "/v1/cursors/{name}",
    operation_id = "put_cursor",
    tag = "Cursors",
    security(("token" = [])),
    params(("name" = String, Path, description = "1 to 64 of `[A-Za-z0-9._-]`", example = "export")),
    request_body = PutCursor,
    responses(
        (status = 200, description = "Stored", body = StoredCursor),
        (status = 409, description = "`cursor_behind`"),
        (status = 410, description = "`cursor_unknown`, `cursor_expired`"),
    ),
)]
pub async fn put_cursor(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(name): PathParam<String>,
    _: NoQuery,
    Json { value, .. }: Json<PutCursor>,
) -> Result<Response, Problem> {
    let target = target(&value.cursor)?;
    let stored = app.domain.put_cursor(&caller, &name, target, value.rewind.unwrap_or(false)).await?;
    Ok(answer::ok(StoredCursor::from(stored)))
}

/// Forget a stored cursor
#[utoipa::path(
    delete,
    path = "/v1/cursors/{name}",
    operation_id = "delete_cursor",
    tag = "Cursors",
    security(("token" = [])),
    params(("name" = String, Path, description = "1 to 64 of `[A-Za-z0-9._-]`", example = "export")),
    responses((status = 204, description = "Forgotten")),
)]
pub async fn delete_cursor(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(name): PathParam<String>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.domain.delete_cursor(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
