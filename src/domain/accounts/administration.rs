//! What an operator does from the command line.

use crate::config::TokenConfig;
use crate::domain::accounts::provisioning::find_or_create_user;
use crate::domain::accounts::user_names::{USER_NAME_RULE, user_name};
use crate::domain::auth::access_tokens::AccessTokenSigner;
use crate::domain::error::{Error, invalid};
use crate::store::{self, Pool, StoreError, UserRole};

/// Makes a user an admin of the deployment, or an admin a user again; answers whether there is such a user. All nodes
/// know it as soon as their cached identities expire.
///
/// # Errors
/// PostgreSQL cannot be reached.
pub async fn set_admin(pool: &Pool, name: &str, admin: bool) -> Result<bool, StoreError> {
    let Some(name) = user_name(name) else { return Ok(false) };
    let role = if admin { UserRole::Admin } else { UserRole::User };
    store::users::set_role(&mut *pool.get().await?, &name, role).await
}

/// Makes an operator's token for the user `name`. A user who does not exist is created.
///
/// # Errors
/// The name is against the rule, or PostgreSQL cannot be reached.
pub async fn mint_token(
    pool: &Pool,
    tokens: &TokenConfig,
    name: &str,
    lifetime: std::time::Duration,
) -> Result<String, Error> {
    let mut connection = pool.get().await?;
    let signer = AccessTokenSigner::open(&mut connection, tokens).await?;
    let name = user_name(name).ok_or_else(|| invalid("name", USER_NAME_RULE))?;
    let user = find_or_create_user(&mut connection, &name).await?;
    Ok(signer.mint(user.id, None, lifetime))
}
