use super::events::{EventColumns, columns};
use crate::ids::{ConversationId, Position, UserId};
use crate::log::event::Event;
use crate::store::sql::{Sql, only, sql};
use crate::store::{Connection, StoreError};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Uuid};
use diesel_async::RunQueryDsl;

/// Positions whose events a user has missed.
#[derive(Clone, Copy, Debug)]
pub struct MissedRange {
    /// Exclusive.
    pub after: Position,
    /// Inclusive.
    pub upto: Position,
    /// Only this conversation.
    pub only: Option<ConversationId>,
}

/// Bytes of events that are read at once, each of which counts for its payload and [`EVENT_OVERHEAD_BYTES`].
const MAX_MISSED_PAGE_BYTES: i32 = 48 * 1024;
/// What an event takes in memory besides its payload.
const EVENT_OVERHEAD_BYTES: i32 = 256;
/// Most events that are read at once.
pub const MAX_PAGE_EVENTS: usize = (MAX_MISSED_PAGE_BYTES / EVENT_OVERHEAD_BYTES) as usize;

/// Finds the positions of a user's events in a range, in order: those that lie inside the user's memberships, the first
/// `limit`.
///
/// The answer stays true, because memberships never begin or end at a position that has passed. Each conversation costs
/// one probe of its index, and more only if it has events in the range. A range that is shorter than the number of
/// conversations is read from the log directly.
pub async fn missed_positions(
    connection: &mut Connection,
    user: UserId,
    range: MissedRange,
    limit: usize,
) -> Result<Vec<Position>, StoreError> {
    let query = sql::<Array<BigInt>>("SELECT log_missed(")
        .bind::<Uuid, _>(user)
        .sql(", ")
        .bind::<BigInt, _>(range.after)
        .sql(", ")
        .bind::<BigInt, _>(range.upto)
        .sql(", ")
        .bind::<Nullable<Uuid>, _>(range.only)
        .sql(", ")
        .bind::<Integer, _>(i32::try_from(limit).unwrap_or(i32::MAX))
        .sql(")");
    Ok(only(query.load(connection).await?)?)
}

/// Asks whether a user has events after a position.
#[derive(Clone, Copy, Debug)]
pub struct MissedQuery {
    pub user: UserId,
    /// Exclusive.
    pub after: Position,
    /// Only this conversation.
    pub only: Option<ConversationId>,
}

/// Answers for each query whether there is an event, as [`missed_positions`] would find it, up to a position.
pub async fn have_missed(
    connection: &mut Connection,
    queries: &[MissedQuery],
    upto: Position,
) -> Result<Vec<bool>, StoreError> {
    let users: Vec<_> = queries.iter().map(|query| query.user).collect();
    let afters: Vec<_> = queries.iter().map(|query| query.after).collect();
    let onlys: Vec<_> = queries.iter().map(|query| query.only).collect();
    let query = sql::<Bool>("SELECT cardinality(log_missed(i.user_id, i.after, ")
        .bind::<BigInt, _>(upto)
        .sql(", i.conversation_id, 1)) > 0 FROM unnest(")
        .bind::<Array<Uuid>, _>(users)
        .sql(", ")
        .bind::<Array<BigInt>, _>(afters)
        .sql(", ")
        .bind::<Array<Nullable<Uuid>>, _>(onlys)
        .sql(") WITH ORDINALITY AS i (user_id, after, conversation_id, place) ORDER BY i.place");
    Ok(query.load(connection).await?)
}

/// Reads the first of the events at `positions`, which are in order: about 48 KiB, but one at least if one is kept.
pub async fn events_page(connection: &mut Connection, positions: &[Position]) -> Result<Vec<Event>, StoreError> {
    let positions = &positions[..positions.len().min(MAX_PAGE_EVENTS)];
    let (Some(first), Some(last)) = (positions.first(), positions.last()) else {
        return Ok(Vec::new());
    };
    // The bounds exclude the partitions that have none of them.
    let query: Sql<'_, EventColumns> = sql(concat!(
        "SELECT ",
        columns!(),
        " FROM (SELECT w.*, row_number() OVER place AS number, sum(octet_length(w.payload::text) + "
    ))
    .bind::<Integer, _>(EVENT_OVERHEAD_BYTES)
    .sql(") OVER place AS bytes FROM events w WHERE w.position >= ")
    .bind::<BigInt, _>(first)
    .sql(" AND w.position <= ")
    .bind::<BigInt, _>(last)
    .sql(" AND w.position = ANY(")
    .bind::<Array<BigInt>, _>(positions)
    .sql(") WINDOW place AS (ORDER BY w.position)) e WHERE e.bytes <= ")
    .bind::<Integer, _>(MAX_MISSED_PAGE_BYTES)
    .sql(" OR e.number = 1 ORDER BY e.position");
    Ok(query.load(connection).await?)
}
