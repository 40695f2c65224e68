//! Users.

use crate::domain::{DirectoryKey, Registration};
use crate::http::app::App;
use crate::http::extract::caller::{Anonymous, Authenticated};
use crate::http::extract::json_body::JsonBody;
use crate::http::extract::page::PageRequest;
use crate::http::extract::path::PathParam;
use crate::http::extract::query::{NoQuery, QueryParams};
use crate::http::respond::json::{self, JsonResponse};
use crate::http::respond::page_token::invalid_page_token;
use crate::http::respond::problem::{Problem, malformed};
use crate::wire::{List, LoggedIn, User};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Characters of a query: as many as a display name has.
const DIRECTORY_QUERY_CHARS: std::ops::RangeInclusive<usize> = 1..=100;

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// 2 to 32 of `[a-z0-9._-]`, folded to lower case.
    #[schema(example = "anna", min_length = 2, max_length = 32, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]$")]
    name: String,
    /// 8 to 256 characters.
    #[schema(example = "correct horse", min_length = 8, max_length = 256)]
    password: String,
    /// The name, if it is not given.
    #[schema(example = "Anna", min_length = 1, max_length = 100)]
    display_name: Option<String>,
    /// What the session is called in lists.
    #[schema(example = "phone", min_length = 1, max_length = 100)]
    device: Option<String>,
}

/// What to look for in the directory.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DirectoryParams {
    /// What a name or a display name begins with. Needed, unless `page` is given.
    #[param(min_length = 1, max_length = 100, example = "an")]
    query: Option<String>,
    /// Most entries of the page.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<usize>,
    /// `next` of the page before.
    page: Option<String>,
}

/// Where the next page of the directory begins, and what it keeps of the first page's parameters.
#[derive(Debug, Serialize, Deserialize)]
struct DirectoryPageToken {
    query: String,
    key: String,
    name: String,
}

/// Register
///
/// Makes an account and its first session.
#[utoipa::path(
    post,
    path = "/v1/users",
    operation_id = "create_user",
    tag = "Accounts",
    request_body = CreateUser,
    responses(
        (status = 201, description = "The user and their first session", body = LoggedIn),
        (status = 403, description = "`registration_closed`"),
        (status = 409, description = "`name_taken`"),
    ),
)]
pub async fn create_user(
    State(app): State<App>,
    _: Anonymous,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<CreateUser>,
) -> Result<Response, Problem> {
    let CreateUser { name, password, display_name, device } = value;
    let made = app.domain.register(Registration { name, password, display_name, device }).await?;
    Ok(JsonResponse(StatusCode::CREATED, made).into_response())
}

/// The directory
///
/// Users whose name or display name begins with `query`, in whatever case, in the order of what matches.
#[utoipa::path(
    get,
    path = "/v1/users",
    operation_id = "list_users",
    tag = "Accounts",
    security(("token" = [])),
    params(DirectoryParams),
    responses((status = 200, description = "A page", body = List<User>)),
)]
pub async fn list_users(
    State(app): State<App>,
    _: Authenticated,
    QueryParams(params): QueryParams<DirectoryParams>,
) -> Result<Response, Problem> {
    let mut page = PageRequest::<DirectoryPageToken>::read(params.page.as_deref(), params.limit)?;
    let token = page.token.take().map_or_else(|| first_page(params), Ok)?;
    let DirectoryPageToken { query, key, name } = checked(token)?;
    let (items, next) = app.domain.directory(&query, DirectoryKey { key, name }, page.limit).await?;
    let next = next.map(|DirectoryKey { key, name }| page.next(DirectoryPageToken { query, key, name }));
    Ok(json::ok(List { items, next }))
}

fn first_page(params: DirectoryParams) -> Result<DirectoryPageToken, Problem> {
    let query = params.query.ok_or_else(|| malformed("query", "is missing"))?;
    Ok(DirectoryPageToken { query, key: String::new(), name: String::new() })
}

fn checked(token: DirectoryPageToken) -> Result<DirectoryPageToken, Problem> {
    // The query itself cannot hold U+0000; a page token may.
    if [&token.query, &token.key, &token.name].into_iter().any(|text| text.contains('\0')) {
        return Err(invalid_page_token());
    }
    match token.query.chars().count() {
        count if DIRECTORY_QUERY_CHARS.contains(&count) => Ok(token),
        count => Err(malformed("query", format!("has {count} characters, needs 1 to 100"))),
    }
}

/// One user
///
/// By id, by name, or `me`.
#[utoipa::path(
    get,
    path = "/v1/users/{user}",
    operation_id = "get_user",
    tag = "Accounts",
    security(("token" = [])),
    params(("user" = String, Path, description = "An id, a name or `me`", example = "me")),
    responses((status = 200, description = "The user", body = User)),
)]
pub async fn get_user(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(user): PathParam<String>,
    _: NoQuery,
) -> Result<Response, Problem> {
    Ok(json::ok(app.domain.user(&caller, &user).await?))
}
