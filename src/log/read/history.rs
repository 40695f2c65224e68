//! A conversation's messages, in either direction.

use super::events::{EventColumns, columns};
use crate::ids::{ConversationId, Position, UserId};
use crate::log::event::Event;
use crate::store::sql::{Sql, only, sql};
use crate::store::{Connection, StoreError};
use diesel::sql_types::{Array, BigInt, Nullable, Uuid};
use diesel_async::RunQueryDsl;

/// In which direction to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    OldestFirst,
    NewestFirst,
}

/// Positions of a conversation, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    pub first: Position,
    pub last: Position,
}

impl Interval {
    /// Whether a position lies in it.
    pub fn contains(&self, position: Position) -> bool {
        (self.first..=self.last).contains(&position)
    }
}

/// Reads messages that lie in the intervals, which are disjoint and in ascending order; at most `limit`.
///
/// The cost depends on `limit` and not on the length of the log: what lies between the intervals is not read.
pub async fn messages(
    connection: &mut Connection,
    conversation: ConversationId,
    intervals: &[Interval],
    order: Order,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let mut found = Vec::new();
    let mut ordered = intervals.to_vec();
    if order == Order::NewestFirst {
        ordered.reverse();
    }
    for interval in ordered {
        let missing = limit - found.len();
        if missing == 0 {
            break;
        }
        found.extend(page(connection, conversation, interval, order, missing).await?);
    }
    Ok(found)
}

async fn page(
    connection: &mut Connection,
    conversation: ConversationId,
    interval: Interval,
    order: Order,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let query: Sql<'_, EventColumns> = sql(concat!("SELECT ", columns!(), " FROM events e WHERE e.conversation_id = "))
        .bind::<Uuid, _>(conversation)
        .sql(" AND e.only_for IS NULL AND e.kind = 'message.created' AND e.position >= ")
        .bind::<BigInt, _>(interval.first)
        .sql(" AND e.position <= ")
        .bind::<BigInt, _>(interval.last)
        .sql(match order {
            Order::OldestFirst => " ORDER BY e.position LIMIT ",
            Order::NewestFirst => " ORDER BY e.position DESC LIMIT ",
        })
        .bind::<BigInt, _>(limit as i64);
    Ok(query.load(connection).await?)
}

/// Finds all events of a conversation that lie in the intervals, which are disjoint and in ascending order, and that
/// `reader` gets; the first `limit`.
pub async fn positions(
    connection: &mut Connection,
    conversation: ConversationId,
    intervals: &[Interval],
    reader: UserId,
    limit: usize,
) -> Result<Vec<Position>, StoreError> {
    let mut found: Vec<Position> = Vec::new();
    for interval in intervals {
        let missing = limit - found.len();
        if missing == 0 {
            break;
        }
        let query = sql::<BigInt>("SELECT e.position FROM events e WHERE e.only_for IS NULL AND e.conversation_id = ")
            .bind::<Uuid, _>(conversation)
            .sql(" AND e.position >= ")
            .bind::<BigInt, _>(interval.first)
            .sql(" AND e.position <= ")
            .bind::<BigInt, _>(interval.last)
            .sql(" ORDER BY e.position LIMIT ")
            .bind::<BigInt, _>(missing as i64);
        let mut more: Vec<Position> = query.load(connection).await?;
        // Not beyond the last of those events, so that the reader's own events are read once and not for each page.
        let last = more.last().filter(|_| more.len() == missing).map_or(interval.last, |last| *last);
        more.extend(own(connection, conversation, Interval { last, ..*interval }, reader, missing).await?);
        more.sort_unstable();
        more.truncate(missing);
        found.extend(more);
    }
    Ok(found)
}

/// Finds the events of a conversation that only `reader` gets.
async fn own(
    connection: &mut Connection,
    conversation: ConversationId,
    interval: Interval,
    reader: UserId,
    limit: usize,
) -> Result<Vec<Position>, StoreError> {
    let query = sql::<BigInt>("SELECT e.position FROM events e WHERE e.only_for = ")
        .bind::<Uuid, _>(reader)
        .sql(" AND e.position >= ")
        .bind::<BigInt, _>(interval.first)
        .sql(" AND e.position <= ")
        .bind::<BigInt, _>(interval.last)
        .sql(" AND e.conversation_id = ")
        .bind::<Uuid, _>(conversation)
        .sql(" ORDER BY e.position LIMIT ")
        .bind::<BigInt, _>(limit as i64);
    Ok(query.load(connection).await?)
}

/// Searches the first `looked` events of an interval for messages of one sender that are not deleted. Returns their
/// positions, and the last position that was searched; `None` when the interval has no events.
pub async fn of_sender(
    connection: &mut Connection,
    conversation: ConversationId,
    interval: Interval,
    sender: UserId,
    looked: usize,
) -> Result<(Vec<Position>, Option<Position>), StoreError> {
    let query = sql::<(Array<BigInt>, Nullable<BigInt>)>(
        "SELECT coalesce(array_agg(position ORDER BY position) FILTER (WHERE sender_id = ",
    )
    .bind::<Uuid, _>(sender)
    .sql(" AND kind = 'message.created' AND deleted IS NOT TRUE), '{}'), max(position) FROM (
           SELECT e.position, e.sender_id, e.kind, e.deleted FROM events e WHERE e.only_for IS NULL AND e.conversation_id = ")
    .bind::<Uuid, _>(conversation)
    .sql(" AND e.position >= ")
    .bind::<BigInt, _>(interval.first)
    .sql(" AND e.position <= ")
    .bind::<BigInt, _>(interval.last)
    .sql(" ORDER BY e.position LIMIT ")
    .bind::<BigInt, _>(looked as i64)
    .sql(") e");
    Ok(only(query.load(connection).await?)?)
}
