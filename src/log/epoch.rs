//! Which cursors are good: the epochs of the log and what each of them vouches for.

use super::Cursor;
use crate::ids::{Epoch, Position};
use crate::store::sql::{only, sql};
use crate::store::{Connection, StoreError};
use diesel::prelude::Queryable;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

/// The epochs and the head, from one snapshot.
#[derive(Clone, Debug)]
pub struct State {
    /// In the order in which they began; not empty.
    eras: Vec<Era>,
    head: Position,
}

#[derive(Clone, Copy, Debug, Queryable)]
struct Era {
    epoch: Epoch,
    first: Position,
    oldest: Position,
    head: Position,
}

/// What a cursor is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    Good,
    /// Of a history that this log does not have, or above its head.
    Unknown,
    /// Below what is kept.
    Expired,
}

impl State {
    /// Judges a cursor.
    pub fn judge(&self, cursor: Cursor) -> Judgement {
        let Some(index) = self.eras.iter().position(|era| era.epoch == cursor.epoch) else {
            return Judgement::Unknown;
        };
        // Of an older epoch, only what is below the next one is sure to be what it was.
        let end = self.eras.get(index + 1).map_or(self.head, |next| next.first.previous());
        if cursor.position > end {
            Judgement::Unknown
        } else if cursor.position < self.start().position {
            Judgement::Expired
        } else {
            Judgement::Good
        }
    }

    /// The cursor of somebody who has everything.
    pub fn head(&self) -> Cursor {
        Cursor { epoch: self.epoch(), position: self.head }
    }

    /// The cursor of somebody who has nothing.
    pub fn start(&self) -> Cursor {
        let oldest = self.eras.last().map_or(Position::ZERO.next(), |era| era.oldest);
        Cursor { epoch: self.epoch(), position: oldest.previous() }
    }

    /// The cursor of a position: of the epoch that owns it.
    pub fn cursor_at(&self, position: Position) -> Cursor {
        let owner = self.eras.iter().rev().find(|era| era.first <= position);
        Cursor { epoch: owner.map_or_else(|| self.epoch(), |era| era.epoch), position }
    }

    fn epoch(&self) -> Epoch {
        self.eras.last().map_or(Epoch(0), |era| era.epoch)
    }
}

/// Reads the epochs and the head. `known` is any position that was seen committed; it spares the older partitions.
///
/// # Errors
/// [`StoreError`].
pub async fn state(connection: &mut Connection, known: Position) -> Result<State, StoreError> {
    let query = sql::<(BigInt, BigInt, BigInt, BigInt)>(
        "SELECT epoch, first_position, oldest_position,
                coalesce((SELECT max(position) FROM events WHERE position >= ",
    )
    .bind::<BigInt, _>(known)
    .sql("), (SELECT max(position) FROM events), 0) FROM log_epoch ORDER BY number");
    let eras: Vec<Era> = query.load(connection).await?;
    let head = eras.last().map_or(Position::ZERO, |era| era.head);
    Ok(State { eras, head })
}

/// Reads the oldest position that is kept. Whoever reads it after events knows that none above it was missing then.
///
/// # Errors
/// [`StoreError`].
pub async fn oldest(connection: &mut Connection) -> Result<Position, StoreError> {
    let query =
        sql::<BigInt>("SELECT coalesce((SELECT oldest_position FROM log_epoch ORDER BY number DESC LIMIT 1), 1)");
    Ok(only(query.load(connection).await?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> State {
        let era =
            |epoch, first| Era { epoch: Epoch(epoch), first: Position(first), oldest: Position(5), head: Position(30) };
        State { eras: vec![era(7, 1), era(8, 20)], head: Position(30) }
    }

    fn judge(epoch: i64, position: i64) -> Judgement {
        log().judge(Cursor { epoch: Epoch(epoch), position: Position(position) })
    }

    #[test]
    fn a_cursor_of_an_older_epoch_is_good_below_the_first_position_of_the_next() {
        assert_eq!(judge(7, 19), Judgement::Good);
        assert_eq!(judge(7, 20), Judgement::Unknown);
    }

    #[test]
    fn a_cursor_of_the_present_epoch_is_good_up_to_the_head() {
        assert_eq!(judge(8, 30), Judgement::Good);
        assert_eq!(judge(8, 31), Judgement::Unknown);
    }

    #[test]
    fn a_cursor_of_an_epoch_that_never_was_is_unknown() {
        assert_eq!(judge(9, 10), Judgement::Unknown);
    }

    #[test]
    fn a_cursor_below_what_is_kept_has_expired() {
        assert_eq!(judge(8, 4), Judgement::Good);
        assert_eq!(judge(8, 3), Judgement::Expired);
    }
}
