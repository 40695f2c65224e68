//! A conversation's messages, in either direction.

use super::event::Event;
use super::read::{Columns, columns};
use crate::ids::{ConversationId, Position};
use crate::store::sql::{Sql, sql};
use crate::store::{Connection, StoreError};
use diesel::sql_types::{BigInt, Uuid};
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
/// It costs what the page costs, at any length of the log: holes between the intervals are not read.
///
/// # Errors
/// [`StoreError`].
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
    let query: Sql<'_, Columns> = sql(concat!("SELECT ", columns!(), " FROM events e WHERE e.conversation_id = "))
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
