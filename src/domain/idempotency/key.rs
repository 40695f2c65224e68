//! What makes a repeated request harmless: its key, and a mark of what was asked for.

use crate::domain::error::Error;
use crate::ids::UserId;
use crate::log::{WriteKey, read};
use crate::store::Connection;

/// Checks that a key which is not of the log, but of a row, was used by the same user for the same request.
///
/// # Errors
/// [`Error::KeyTaken`] and [`Error::KeyReused`].
pub fn check_repeat(key: &WriteKey, owner: UserId, mac: &[u8]) -> Result<(), Error> {
    match (owner == key.owner, mac == key.mac) {
        (true, true) => Ok(()),
        (true, false) => Err(Error::KeyReused),
        (false, _) => Err(Error::KeyTaken),
    }
}

/// Checks that nothing was written to the log under a client's key.
///
/// # Errors
/// [`Error::KeyTaken`] and [`Error::KeyReused`].
pub async fn check_unused(connection: &mut Connection, key: &WriteKey) -> Result<(), Error> {
    match read::find_write(connection, key.id).await? {
        None => Ok(()),
        Some(known) if known.owner == key.owner => Err(Error::KeyReused),
        Some(_) => Err(Error::KeyTaken),
    }
}
