//! Users for whom an app or an operator vouches: they are created at their first token, without a password.

use crate::ids::UserId;
use crate::store::users::UserRow;
use crate::store::{Connection, StoreError, users};

/// Finds the user of this folded name, or creates one without a password.
pub async fn find_or_create_user(connection: &mut Connection, name: &str) -> Result<UserRow, StoreError> {
    loop {
        if let Some(user) = users::by_name(connection, name).await? {
            return Ok(user);
        }
        // Somebody else has inserted the user meanwhile. Users are never removed, so the next turn finds it.
        if let Some(user) = users::insert(connection, UserId::new(), name, name, None).await? {
            return Ok(user);
        }
    }
}
