//! Users.

use super::App;
use super::answer::{self, Json as Answer};
use super::body::Json;
use super::caller::{Anonymous, Authenticated};
use super::path::PathParam;
use super::problem::Problem;
use super::query::NoQuery;
use crate::domain::accounts::Registration;
use crate::wire::{LoggedIn, User};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

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

/// Me
#[utoipa::path(
    get,
    path = "/v1/me",
    operation_id = "get_me",
    tag = "Accounts",
    security(("token" = [])),
    responses((status = 200, description = "The caller", body = User)),
)]
pub async fn get_me(Authenticated(caller): Authenticated, _: NoQuery) -> Result<Response, Problem> {
    Ok(answer::ok(User::from((*caller.user).clone())))
}
