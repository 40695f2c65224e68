//! What stands for a message now.

use crate::domain::error::Error;
use crate::log::{Event, read};
use crate::store::{Connection, EventKind};

/// What stands for a message now: its last edit or its deletion, else the message itself.
///
/// # Errors
/// [`crate::store::StoreError`].
pub async fn current_version(connection: &mut Connection, created: &Event) -> Result<Event, Error> {
    let Some(position) = created.current else { return Ok(created.clone()) };
    read::events_at(connection, &[position]).await?.pop().ok_or(Error::NotFound)
}

/// Whether a message was deleted.
///
/// # Errors
/// [`crate::store::StoreError`].
pub async fn is_deleted(connection: &mut Connection, created: &Event) -> Result<bool, Error> {
    Ok(current_version(connection, created).await?.kind == EventKind::MessageDeleted)
}
