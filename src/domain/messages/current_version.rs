//! The event that holds a message's current version.

use crate::domain::error::Error;
use crate::log::{Event, read};
use crate::store::{Connection, EventKind};

/// The last edit of a message or its deletion; without either, its `message.created`.
pub async fn current_version(connection: &mut Connection, created: &Event) -> Result<Event, Error> {
    let Some(position) = created.current else { return Ok(created.clone()) };
    read::events_at(connection, &[position]).await?.pop().ok_or(Error::NotFound)
}

/// Whether a message was deleted.
pub async fn is_deleted(connection: &mut Connection, created: &Event) -> Result<bool, Error> {
    Ok(current_version(connection, created).await?.kind == EventKind::MessageDeleted)
}
