//! Named cursors: stored positions of a device, a bot or an export. They move on request, and backwards only if the
//! request says so.

use crate::domain::auth::caller::Caller;
use crate::domain::common::pagination::truncate_to_page;
use crate::domain::error::Error;
use crate::domain::service::Domain;
use crate::ids::{Position, UserId};
use crate::log::Cursor;
use crate::log::epoch::{self, CursorStatus, EpochHistory};
use crate::store::cursors::{self, CursorRow};
use crate::store::{Connection, Time};
use diesel_async::AsyncConnection;

/// Where a cursor is to be moved.
#[derive(Clone, Copy, Debug)]
pub enum CursorTarget {
    Cursor(Cursor),
    Now,
    Start,
}

/// A named cursor.
#[derive(Clone, Debug)]
pub struct NamedCursor {
    pub name: String,
    pub cursor: Cursor,
    /// How many events of the log, anybody's, come after it.
    pub lag: i64,
    pub updated_at: Time,
}

/// Checks the name of a cursor: 1 to 64 characters that need no escaping in a path.
pub fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(fits) && !text.bytes().all(|byte| byte == b'.')
}

impl Domain {
    /// The caller's cursors after a name; answers whether there are more.
    pub async fn list_cursors(
        &self,
        caller: &Caller,
        after: &str,
        limit: usize,
    ) -> Result<(Vec<NamedCursor>, bool), Error> {
        let mut connection = self.connection().await?;
        let mut found = cursors::list(&mut connection, caller.user.id, after, limit as i64 + 1).await?;
        let more = truncate_to_page(&mut found, limit);
        let state = epoch::load(&mut connection, Position::ZERO).await?;
        Ok((found.into_iter().map(|stored| named(stored, &state)).collect(), more))
    }

    /// One of the caller's cursors.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn cursor(&self, caller: &Caller, name: &str) -> Result<NamedCursor, Error> {
        let mut connection = self.connection().await?;
        let stored = cursors::get(&mut connection, caller.user.id, name, false).await?.ok_or(Error::NotFound)?;
        let state = epoch::load(&mut connection, Position::ZERO).await?;
        Ok(named(stored, &state))
    }

    /// Moves one of the caller's cursors, or creates it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what can be no name, [`Error::CursorUnknown`], [`Error::CursorExpired`],
    /// [`Error::CursorBehind`].
    pub async fn put_cursor(
        &self,
        caller: &Caller,
        name: &str,
        target: CursorTarget,
        rewind: bool,
    ) -> Result<NamedCursor, Error> {
        if !is_name(name) {
            return Err(Error::NotFound);
        }
        let mut connection = self.connection().await?;
        let state = epoch::load(&mut connection, Position::ZERO).await?;
        let cursor = resolve_target(target, &state)?;
        let user = caller.user.id;
        let ahead = match target {
            _ if rewind => AheadPolicy::Rewound,
            // The log grows meanwhile: a cursor that was stored at the same moment may be ahead of this one.
            CursorTarget::Now => AheadPolicy::Kept,
            CursorTarget::Start | CursorTarget::Cursor(_) => AheadPolicy::Refused,
        };
        let stored =
            connection.transaction(async |connection| put(connection, user, name, cursor, ahead).await).await?;
        let state = epoch::load(&mut connection, Position::ZERO).await?;
        Ok(named(stored, &state))
    }

    /// Deletes one of the caller's cursors.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_cursor(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        match cursors::delete(&mut *self.connection().await?, caller.user.id, name).await? {
            true => Ok(()),
            false => Err(Error::NotFound),
        }
    }
}

/// The cursor of a target, if the log can go on from it.
///
/// # Errors
/// [`Error::CursorUnknown`], [`Error::CursorExpired`].
pub fn resolve_target(target: CursorTarget, state: &EpochHistory) -> Result<Cursor, Error> {
    match target {
        CursorTarget::Now => Ok(state.head()),
        CursorTarget::Start => Ok(state.start()),
        CursorTarget::Cursor(cursor) => check_cursor(cursor, state),
    }
}

fn check_cursor(cursor: Cursor, state: &EpochHistory) -> Result<Cursor, Error> {
    match state.check(cursor) {
        CursorStatus::Valid => Ok(cursor),
        CursorStatus::Unknown => Err(Error::CursorUnknown),
        CursorStatus::Expired => Err(Error::CursorExpired),
    }
}

/// What to do with a stored cursor that is ahead of the one to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AheadPolicy {
    Refused,
    Kept,
    Rewound,
}

async fn put(
    connection: &mut Connection,
    user: UserId,
    name: &str,
    cursor: Cursor,
    if_ahead: AheadPolicy,
) -> Result<CursorRow, Error> {
    let (epoch, position) = (cursor.epoch, cursor.position);
    // A second request for the same cursor waits here for the first, and then reads what it has stored.
    if let Some(stored) = cursors::insert(connection, user, name, epoch, position).await? {
        return Ok(stored);
    }
    let stored = cursors::get(connection, user, name, true).await?;
    // Read with the lock held: the stored cursor may be ahead of a head that was read before.
    let state = epoch::load(connection, Position::ZERO).await?;
    let ahead = stored.filter(|stored| {
        let present = Cursor { epoch: stored.epoch, position: stored.position };
        // A stored cursor of another history of the log is overwritten.
        state.check(present) != CursorStatus::Unknown && position < present.position
    });
    match (ahead, if_ahead) {
        (Some(_), AheadPolicy::Refused) => Err(Error::CursorBehind),
        (Some(stored), AheadPolicy::Kept) => Ok(stored),
        (Some(_), AheadPolicy::Rewound) | (None, _) => Ok(cursors::put(connection, user, name, epoch, position).await?),
    }
}

fn named(stored: CursorRow, state: &EpochHistory) -> NamedCursor {
    let cursor = Cursor { epoch: stored.epoch, position: stored.position };
    let lag = (state.head().position.0 - stored.position.0).max(0);
    NamedCursor { name: stored.name, cursor, lag, updated_at: stored.updated_at }
}
