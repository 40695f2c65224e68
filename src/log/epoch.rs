//! Which cursors are valid: the epochs of the log, and which positions each of them owns.

use super::cursor::Cursor;
use crate::ids::{Epoch, Position};
use crate::store::sql::{only, sql};
use crate::store::{Connection, StoreError};
use diesel::prelude::Queryable;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

/// The epochs and the head, from one snapshot.
#[derive(Clone, Debug)]
pub struct EpochHistory {
    /// In the order in which they began; not empty.
    epochs: Vec<EpochRow>,
    head: Position,
}

#[derive(Clone, Copy, Debug, Queryable)]
struct EpochRow {
    epoch: Epoch,
    first: Position,
    oldest: Position,
    head: Position,
}

/// Whether a cursor may be resumed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorStatus {
    Valid,
    /// Its epoch is not one of this log, or it lies above what that epoch owns.
    Unknown,
    /// Below what is kept.
    Expired,
}

impl EpochHistory {
    /// Checks a cursor against the epochs.
    pub fn check(&self, cursor: Cursor) -> CursorStatus {
        let Some(index) = self.epochs.iter().position(|row| row.epoch == cursor.epoch) else {
            return CursorStatus::Unknown;
        };
        // Of an older epoch, only the events below the next one are certainly the same.
        let end = self.epochs.get(index + 1).map_or(self.head, |next| next.first.previous());
        if cursor.position > end {
            CursorStatus::Unknown
        } else if cursor.position < self.start().position {
            CursorStatus::Expired
        } else {
            CursorStatus::Valid
        }
    }

    /// The cursor of a client that has everything.
    pub fn head(&self) -> Cursor {
        Cursor { epoch: self.epoch(), position: self.head }
    }

    /// The cursor of a client that has nothing.
    pub fn start(&self) -> Cursor {
        let oldest = self.epochs.last().map_or(Position::ZERO.next(), |row| row.oldest);
        Cursor { epoch: self.epoch(), position: oldest.previous() }
    }

    /// The cursor of a position: of the epoch that owns it.
    pub fn cursor_at(&self, position: Position) -> Cursor {
        let owner = self.epochs.iter().rev().find(|row| row.first <= position);
        Cursor { epoch: owner.map_or_else(|| self.epoch(), |row| row.epoch), position }
    }

    fn epoch(&self) -> Epoch {
        self.epochs.last().map_or(Epoch(0), |row| row.epoch)
    }
}

/// Reads the epochs and the head. `known` is any position that was seen committed; it spares the older partitions.
pub async fn load(connection: &mut Connection, known: Position) -> Result<EpochHistory, StoreError> {
    let query = sql::<(BigInt, BigInt, BigInt, BigInt)>(
        "SELECT epoch, first_position, oldest_position,
                coalesce((SELECT max(position) FROM events WHERE position >= ",
    )
    .bind::<BigInt, _>(known)
    .sql("), (SELECT max(position) FROM events), 0) FROM log_epoch ORDER BY number");
    let epochs: Vec<EpochRow> = query.load(connection).await?;
    let head = epochs.last().map_or(Position::ZERO, |row| row.head);
    Ok(EpochHistory { epochs, head })
}

/// Reads the oldest position that is kept. When it is read after events, none of those above it was missing.
pub async fn oldest_position(connection: &mut Connection) -> Result<Position, StoreError> {
    let query =
        sql::<BigInt>("SELECT coalesce((SELECT oldest_position FROM log_epoch ORDER BY number DESC LIMIT 1), 1)");
    Ok(only(query.load(connection).await?)?)
}

#[cfg(test)]
#[path = "tests/epoch.rs"]
mod tests;
