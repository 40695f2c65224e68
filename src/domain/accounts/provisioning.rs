//! Users whom an app or an operator vouches for.

use crate::ids::UserId;
use crate::store::users::UserRow;
use crate::store::{Connection, StoreError, users};

/// The user of this folded name, made without a password if need be: somebody else vouches for them.
///
/// # Errors
/// [`StoreError`].
pub async fn find_or_create_user(connection: &mut Connection, name: &str) -> Result<UserRow, StoreError> {
    loop {
        if let Some(user) = users::by_name(connection, name).await? {
            return Ok(user);
        }
        // Nobody removes users, so one who came in between is found the next time.
        if let Some(user) = users::insert(connection, UserId::new(), name, name, None).await? {
            return Ok(user);
        }
    }
}
