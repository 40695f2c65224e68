//! The versions of a message: its edits, its end, and what stands in the log for them.
//!
//! Events never change but for this: a deleted text is blanked in each of them. Writes happen under the log's lock.

use super::events::{EventColumns, columns};
use super::history::Interval;
use crate::ids::{ConversationId, MessageId, Position};
use crate::log::event::Event;
use crate::store::Connection;
use crate::store::sql::{Sql, sql};
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Uuid};
use diesel_async::RunQueryDsl;

/// How a text is erased from an event.
macro_rules! blank {
    () => {
        "payload = blanked_payload(payload), mentions = NULL"
    };
}

/// Erases a message with all that belongs to it. Call it under the log's lock; `deletion` is where its event will stand.
pub async fn delete(
    connection: &mut Connection,
    message: MessageId,
    created: Position,
    deletion: Position,
) -> Result<(), Error> {
    let query = sql::<()>("SELECT delete_message(")
        .bind::<Uuid, _>(message)
        .sql(", ")
        .bind::<BigInt, _>(created)
        .sql(", ")
        .bind::<BigInt, _>(deletion)
        .sql(")");
    query.execute(connection).await?;
    Ok(())
}

/// Blanks the next texts of a conversation after a position; answers where they stand, in no order, and nothing when all
/// are blank.
pub async fn blank(
    connection: &mut Connection,
    conversation: ConversationId,
    after: Position,
    limit: i64,
) -> Result<Vec<Position>, Error> {
    let query = sql::<BigInt>(concat!(
        "UPDATE events SET ",
        blank!(),
        " WHERE position IN (
        SELECT e.position FROM events e WHERE e.conversation_id = "
    ))
    .bind::<Uuid, _>(conversation)
    .sql(" AND e.only_for IS NULL AND e.kind IN ('message.created', 'message.edited') AND e.position > ")
    .bind::<BigInt, _>(after)
    .sql(" ORDER BY e.position LIMIT ")
    .bind::<BigInt, _>(limit)
    .sql(") RETURNING position");
    query.load(connection).await
}

/// Finds the next edits after a position that still have a text although their message is no longer kept; at most
/// `limit`, in order. It reads the log from `after` on and takes no lock.
pub async fn orphaned_edits(connection: &mut Connection, after: Position, limit: i64) -> Result<Vec<Position>, Error> {
    let query = sql::<BigInt>(
        "SELECT e.position FROM events e
          WHERE e.kind = 'message.edited' AND e.payload->>'text' IS NOT NULL
            AND NOT EXISTS (SELECT FROM ids k WHERE k.id = e.message_id) AND e.position > ",
    )
    .bind::<BigInt, _>(after)
    .sql(" ORDER BY e.position LIMIT ")
    .bind::<BigInt, _>(limit);
    query.load(connection).await
}

/// Blanks orphaned edits, without the log's lock. Rows that somebody else has locked are skipped: only the deletion of
/// their conversation locks them, which blanks them itself, and which this must neither wait for nor deadlock with.
pub async fn blank_orphaned_edits(connection: &mut Connection, edits: &[Position]) -> Result<(), Error> {
    let query = sql::<()>(concat!(
        "UPDATE events SET ",
        blank!(),
        " WHERE position IN (SELECT e.position FROM events e WHERE e.position = ANY("
    ))
    .bind::<Array<BigInt>, _>(edits)
    .sql(") FOR UPDATE SKIP LOCKED)");
    query.execute(connection).await?;
    Ok(())
}

/// Reads all versions of a message after its first, in order: its edits.
pub async fn edits(connection: &mut Connection, message: MessageId) -> Result<Vec<Event>, Error> {
    let query: Sql<'_, EventColumns> = sql(concat!("SELECT ", columns!(), " FROM events e WHERE e.message_id = "))
        .bind::<Uuid, _>(message)
        .sql(" AND e.kind = 'message.edited' ORDER BY e.position");
    query.load(connection).await
}

/// Reads the last edit of a message that lies in one of the intervals.
pub async fn last_edit_within(
    connection: &mut Connection,
    message: MessageId,
    intervals: &[Interval],
) -> Result<Option<Event>, Error> {
    for interval in intervals.iter().rev() {
        let query: Sql<'_, EventColumns> = sql(concat!("SELECT ", columns!(), " FROM events e WHERE e.message_id = "))
            .bind::<Uuid, _>(message)
            .sql(" AND e.kind = 'message.edited' AND e.position >= ")
            .bind::<BigInt, _>(interval.first)
            .sql(" AND e.position <= ")
            .bind::<BigInt, _>(interval.last)
            .sql(" ORDER BY e.position DESC LIMIT 1");
        let found: Vec<Event> = query.load(connection).await?;
        if let Some(edit) = found.into_iter().next() {
            return Ok(Some(edit));
        }
    }
    Ok(None)
}

/// Reads the replies to a message after a position that lie in the intervals, the oldest first.
pub async fn replies(
    connection: &mut Connection,
    original: MessageId,
    intervals: &[Interval],
    after: Position,
    limit: usize,
) -> Result<Vec<Event>, Error> {
    let firsts: Vec<_> = intervals.iter().map(|interval| interval.first).collect();
    let lasts: Vec<_> = intervals.iter().map(|interval| interval.last).collect();
    let query: Sql<'_, EventColumns> = sql(concat!("SELECT ", columns!(), " FROM events e WHERE e.reply_to = "))
        .bind::<Uuid, _>(original)
        .sql(" AND e.position > ")
        .bind::<BigInt, _>(after)
        .sql(" AND EXISTS (SELECT FROM unnest(")
        .bind::<Array<BigInt>, _>(firsts)
        .sql(", ")
        .bind::<Array<BigInt>, _>(lasts)
        .sql(") AS i (first, last) WHERE e.position BETWEEN i.first AND i.last) ORDER BY e.position LIMIT ")
        .bind::<BigInt, _>(limit as i64);
    query.load(connection).await
}
