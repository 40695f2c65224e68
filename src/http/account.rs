//! The caller's own account.

use super::App;
use super::body::Json;
use super::caller::Authenticated;
use super::problem::Problem;
use super::query::NoQuery;
use axum::extract::State;
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// Who deletes their account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMe {
    /// The account's password; not given where it has none.
    #[schema(example = "correct horse")]
    password: Option<String>,
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
    Json { value, .. }: Json<DeleteMe>,
) -> Result<StatusCode, Problem> {
    app.domain.delete_account(&caller, value.password).await?;
    Ok(StatusCode::NO_CONTENT)
}
