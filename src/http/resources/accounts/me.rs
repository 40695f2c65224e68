//! The caller's own account.

use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::json_body::JsonBody;
use crate::http::extract::query::NoQuery;
use crate::http::respond::json;
use crate::http::respond::problem::Problem;
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

/// Who deletes their account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMe {
    /// The account's password; not given where it has none.
    #[schema(example = "correct horse")]
    password: Option<String>,
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
    Ok(json::ok(User::from((*caller.user).clone())))
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
    JsonBody { value, .. }: JsonBody<PatchMe>,
) -> Result<Response, Problem> {
    Ok(json::ok(app.domain.change_display_name(&caller, value.display_name).await?))
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
    JsonBody { value, .. }: JsonBody<PutPassword>,
) -> Result<StatusCode, Problem> {
    app.domain.change_password(&caller, value.current, value.new).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete my account
///
/// Sessions and memberships end, own messages are deleted everywhere, and after 30 days the name is free. What was begun
/// cannot be undone; where there is much to delete, the last of it goes after the answer.
#[utoipa::path(
    delete,
    path = "/v1/me",
    operation_id = "delete_me",
    tag = "Accounts",
    security(("token" = [])),
    request_body = DeleteMe,
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "`credentials_wrong`, `token_missing`, `token_invalid`, `token_expired`, `session_revoked`"),
    ),
)]
pub async fn delete_me(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<DeleteMe>,
) -> Result<StatusCode, Problem> {
    app.domain.delete_account(&caller, value.password).await?;
    Ok(StatusCode::NO_CONTENT)
}
