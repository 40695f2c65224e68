//! Users.

use super::App;
use super::answer::{self, Json as Answer};
use super::body::Json;
use super::caller::{Anonymous, Authenticated};
use super::page;
use super::path::PathParam;
use super::problem::{Problem, malformed};
use super::query::{NoQuery, Query};
use crate::domain::accounts::Registration;
use crate::domain::directory::DirectoryKey;
use crate::wire::{List, LoggedIn, User};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Characters of a query: as many as a display name has.
const QUERY: std::ops::RangeInclusive<usize> = 1..=100;

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

/// Where a page of the directory begins.
#[derive(Debug, Serialize, Deserialize)]
struct Start {
    query: String,
    key: String,
    name: String,
    limit: usize,
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
    Json { value, .. }: Json<CreateUser>,
) -> Result<Response, Problem> {
    let CreateUser { name, password, display_name, device } = value;
    let made = app.domain.register(Registration { name, password, display_name, device }).await?;
    Ok(Answer(StatusCode::CREATED, made).into_response())
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
    Query(params): Query<DirectoryParams>,
) -> Result<Response, Problem> {
    let Start { query, key, name, limit } = start(params)?;
    let (items, next) = app.domain.directory(&query, DirectoryKey { key, name }, limit).await?;
    let next = next.map(|DirectoryKey { key, name }| page::token(&Start { query, key, name, limit }));
    Ok(answer::ok(List { items, next }))
}

/// Where a page begins: what the parameters say, or what `page` kept of them.
fn start(params: DirectoryParams) -> Result<Start, Problem> {
    let start = match page::place::<Start>(params.page.as_deref())? {
        Some(start) => Start { limit: params.limit.unwrap_or(start.limit), ..start },
        None => {
            let query = params.query.ok_or_else(|| malformed("query", "is missing"))?;
            Start { query, key: String::new(), name: String::new(), limit: page::limit(params.limit)? }
        }
    };
    page::limit(Some(start.limit))?;
    if [&start.query, &start.key, &start.name].into_iter().any(|text| text.contains('\0')) {
        return Err(malformed("page", "is not what an answer's `next` said"));
    }
    match start.query.chars().count() {
        count if QUERY.contains(&count) => Ok(start),
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
    Ok(answer::ok(app.domain.user(&caller, &user).await?))
}
