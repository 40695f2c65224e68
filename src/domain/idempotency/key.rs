//! Keys that were used before: whose they are, and for what.
//!
//! The log judges the keys of events itself. Bots, tokens, webhooks and uploads are rows of their own, whose ids are
//! the clients' keys: theirs are judged here, by the same rule.

use crate::domain::error::Error;
use crate::ids::{UserId, WriteId};
use crate::log::{WriteKey, read};
use crate::store::{Connection, durability_barrier};

/// Judges a key of `owner` that was used before: by the same user for the same request, for another, or by somebody
/// else.
///
/// # Errors
/// [`Error::KeyTaken`] and [`Error::KeyReused`].
pub fn check_known(owner: UserId, known_owner: UserId, is_same_request: bool) -> Result<(), Error> {
    match (known_owner == owner, is_same_request) {
        (true, true) => Ok(()),
        (true, false) => Err(Error::KeyReused),
        (false, _) => Err(Error::KeyTaken),
    }
}

/// Checks that nothing was written to the log under a client's key.
///
/// # Errors
/// [`Error::KeyTaken`] and [`Error::KeyReused`].
pub async fn check_unused(connection: &mut Connection, id: WriteId, owner: UserId) -> Result<(), Error> {
    match read::find_write(connection, id).await? {
        None => Ok(()),
        Some(known) => check_known(owner, known.owner, false),
    }
}

/// Judges the key of a request by the row with its id, and waits until that row is as durable as a fresh one would be;
/// `None`: the key is unused. `origin` says who made the row, and the fingerprint of the request that did.
///
/// # Errors
/// [`Error::KeyTaken`] and [`Error::KeyReused`].
pub async fn check_row<T>(
    connection: &mut Connection,
    key: &WriteKey,
    row: Option<T>,
    origin: impl Fn(&T) -> (UserId, &[u8]),
) -> Result<Option<T>, Error> {
    let Some(row) = row else {
        check_unused(connection, key.id, key.owner).await?;
        return Ok(None);
    };
    let (owner, mac) = origin(&row);
    check_known(key.owner, owner, mac == key.mac)?;
    durability_barrier(connection).await?;
    Ok(Some(row))
}
