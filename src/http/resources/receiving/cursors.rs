//! Cursors that the server stores by name.

use crate::domain::NamedCursor;
use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::cursor_target::cursor_target;
use crate::http::extract::json_body::JsonBody;
use crate::http::extract::page::PageParams;
use crate::http::extract::path::PathParam;
use crate::http::extract::query::{NoQuery, QueryParams};
use crate::http::respond::json;
use crate::http::respond::problem::Problem;
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
struct CursorsPageToken {
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
    QueryParams(params): QueryParams<PageParams>,
) -> Result<Response, Problem> {
    let page = params.read::<CursorsPageToken>()?;
    let after = page.token.as_ref().map_or("", |token| token.name.as_str());
    let (found, more) = app.domain.list_cursors(&caller, after, page.limit).await?;
    let next = found.last().filter(|_| more).map(|last| page.next(CursorsPageToken { name: last.name.clone() }));
    Ok(json::ok(List { items: found.into_iter().map(StoredCursor::from).collect(), next }))
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
    Ok(json::ok(StoredCursor::from(app.domain.cursor(&caller, &name).await?)))
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
    JsonBody { value, .. }: JsonBody<PutCursor>,
) -> Result<Response, Problem> {
    let target = cursor_target(&value.cursor)?;
    let stored = app.domain.put_cursor(&caller, &name, target, value.rewind.unwrap_or(false)).await?;
    Ok(json::ok(StoredCursor::from(stored)))
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
