//! The caller's own account.

use super::App;
use super::answer;
use super::body::Json;
use super::caller::Authenticated;
use super::problem::Problem;
use super::query::NoQuery;
use crate::wire::User;
use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// What to change of my account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchMe {
    #[schema(example = "Anna B.", min_length = 1, max_length = 100)]
    display_name: String,
}

/// A password for another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutPassword {
    #[schema(example = "correct horse")]
    current: String,
    /// 8 to 256 characters.
    #[schema(example = "battery staple", min_length = 8, max_length = 256)]
    new: String,
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

/// Change my display name
///
/// Other nodes may show the old one for ten seconds; events keep the name of their time.
#[utoipa::path(
    patch,
    path = "/v1/me",
    operation_id = "patch_me",
    tag = "Accounts",
    security(("token" = [])),
    request_body = PatchMe,
    responses((status = 200, description = "The caller", body = User)),
)]
pub async fn patch_me(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    _: NoQuery,
    Json { value, .. }: Json<PatchMe>,
) -> Result<Response, Problem> {
    Ok(answer::ok(app.domain.change_display_name(&caller, value.display_name).await?))
}

/// Change my password
///
/// Ends all my other sessions, with their streams. Asked again, it answers `credentials_wrong`, for then `current` is
/// another.
#[utoipa::path(
    put,
    path = "/v1/me/password",
    operation_id = "put_password",
    tag = "Accounts",
    security(("token" = [])),
    request_body = PutPassword,
    responses(
        (status = 204, description = "Changed"),
        (status = 401, description = "`credentials_wrong`"),
        (status = 403, description = "`forbidden`: the account has no password, others vouch for it"),
    ),
)]
pub async fn put_password(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    _: NoQuery,
    Json { value, .. }: Json<PutPassword>,
) -> Result<StatusCode, Problem> {
    app.domain.change_password(&caller, value.current, value.new).await?;
    Ok(StatusCode::NO_CONTENT)
}
