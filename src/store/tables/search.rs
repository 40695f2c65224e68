//! The index of texts: which versions of messages may hold what is looked for, and how far it is filled.
//!
//! Whoever fills it holds the lock of the progress's row, claims it in the same transaction, and ends with [`exclude_deletions`];
//! whoever blanks texts shares it in the same transaction, and removes them from the index: the SQL function
//! `delete_message`, or [`delete_blanked_versions`]. So a text that was read before it was
//! blanked, and is indexed after, is not found: one of the two sees what the other did.

use crate::ids::{ConversationId, MessageId, Position};
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::sql::{Time, only, sql};
use diesel::prelude::Queryable;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Timestamptz, Uuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

/// One version of a message.
#[derive(Clone, Debug)]
pub struct IndexedVersion {
    /// Of the event that holds the text.
    pub position: Position,
    /// Of the message's creation.
    pub created: Position,
    pub message: MessageId,
    pub conversation: ConversationId,
    pub created_at: Time,
    pub grams: Vec<i32>,
}

/// How far the index is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct IndexProgress {
    /// All events up to here are in it.
    pub position: Position,
    /// Where a rebuilding ends that is under way.
    pub rebuilding: Option<Position>,
}

/// How to come by the right to fill the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexClaim {
    /// Not at all while another one has it.
    Try,
    /// After the other one's transaction.
    Wait,
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct SearchFilter {
    /// What the row must have.
    pub grams: Vec<i32>,
    /// The numbers of the conversations, where they are few.
    pub scope: Option<Vec<i32>>,
    /// A conversation for each interval of positions: what may be seen.
    pub conversations: Vec<ConversationId>,
    pub firsts: Vec<Position>,
    pub lasts: Vec<Position>,
    /// Inclusive.
    pub since: Option<Time>,
    /// Exclusive.
    pub until: Option<Time>,
}

/// Versions of messages whose texts may match.
#[derive(Clone, Debug, Queryable)]
pub struct SearchCandidates {
    /// Of each version, the position of its message, the newest first.
    pub created: Vec<Position>,
    pub versions: Vec<Position>,
    /// All messages from here on were looked at.
    pub reached: Position,
}

/// Reads how far the index is filled.
///
/// # Errors
/// [`StoreError`].
pub async fn progress(connection: &mut Connection) -> Result<IndexProgress, StoreError> {
    let query = sql::<(BigInt, Nullable<BigInt>)>("SELECT position, rebuilding FROM search_progress");
    Ok(only(query.load(connection).await?)?)
}

/// Lets this transaction's commit not wait for the disk, where those of sends would wait with it: what a crash takes back is
/// filled in again.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn commit_asynchronously(connection: &mut Connection) -> Result<(), Error> {
    connection.batch_execute("SET LOCAL synchronous_commit = off").await
}

/// Claims the right to fill the index until the transaction ends; `None` when another one has it.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn claim(connection: &mut Connection, claim: IndexClaim) -> Result<Option<IndexProgress>, Error> {
    let query = sql::<(BigInt, Nullable<BigInt>)>(match claim {
        IndexClaim::Try => "SELECT position, rebuilding FROM search_progress FOR UPDATE SKIP LOCKED",
        IndexClaim::Wait => "SELECT position, rebuilding FROM search_progress FOR UPDATE",
    });
    Ok(query.load(connection).await?.into_iter().next())
}

/// Writes how far the index is filled now.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn advance(connection: &mut Connection, progress: IndexProgress) -> Result<(), Error> {
    sql::<()>("UPDATE search_progress SET position = ")
        .bind::<BigInt, _>(progress.position)
        .sql(", rebuilding = ")
        .bind::<Nullable<BigInt>, _>(progress.rebuilding)
        .execute(connection)
        .await?;
    Ok(())
}

/// Empties the index.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn truncate(connection: &mut Connection) -> Result<(), Error> {
    connection.batch_execute("TRUNCATE search, search_spans").await
}

/// Adds versions of messages.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn insert(connection: &mut Connection, rows: &[IndexedVersion]) -> Result<(), Error> {
    let (mut grams, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        starts.push(grams.len() as i32 + 1);
        grams.extend_from_slice(&row.grams);
        ends.push(grams.len() as i32);
    }
    let column = |of: fn(&IndexedVersion) -> Position| rows.iter().map(of).collect::<Vec<_>>();
    let (positions, created) = (column(|row| row.position), column(|row| row.created));
    let times: Vec<_> = rows.iter().map(|row| row.created_at).collect();
    // Arrays of arrays cannot be unnested: all grams travel in one, and each row takes its part.
    sql::<()>(
        "INSERT INTO search (position, created, message_id, conversation_id, created_at, grams)
         SELECT position, created, message_id, conversation_id, created_at, (",
    )
    .bind::<Array<Integer>, _>(grams)
    .sql(")[start:finish] FROM unnest(")
    .bind::<Array<BigInt>, _>(positions)
    .sql(", ")
    .bind::<Array<BigInt>, _>(&created)
    .sql(", ")
    .bind::<Array<Uuid>, _>(rows.iter().map(|row| row.message).collect::<Vec<_>>())
    .sql(", ")
    .bind::<Array<Uuid>, _>(rows.iter().map(|row| row.conversation).collect::<Vec<_>>())
    .sql(", ")
    .bind::<Array<Timestamptz>, _>(&times)
    .sql(", ")
    .bind::<Array<Integer>, _>(starts)
    .sql(", ")
    .bind::<Array<Integer>, _>(ends)
    .sql(") AS t (position, created, message_id, conversation_id, created_at, start, finish)")
    .execute(connection)
    .await?;
    sql::<()>(
        "INSERT INTO search_spans AS s (place, oldest, newest)
         SELECT created >> 12, min(created_at), max(created_at) FROM unnest(",
    )
    .bind::<Array<BigInt>, _>(&created)
    .sql(", ")
    .bind::<Array<Timestamptz>, _>(&times)
    .sql(
        ") AS t (created, created_at) GROUP BY 1
         ON CONFLICT (place) DO UPDATE
         SET oldest = least(s.oldest, excluded.oldest), newest = greatest(s.newest, excluded.newest)",
    )
    .execute(connection)
    .await?;
    // What waits in the index's list is read through by every search.
    connection.batch_execute("SELECT gin_clean_pending_list('search_grams')").await
}

/// Waits for those who delete texts, and lets no other begin before the transaction ends. What is blanked then was so
/// before: look for it in a later statement.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn exclude_deletions(connection: &mut Connection) -> Result<(), Error> {
    connection.batch_execute("SELECT pg_advisory_xact_lock(search_lock_key())").await
}

/// Removes versions from the index whose texts are blanked in the same transaction, before or after. Call it as late as
/// possible: it waits for the few milliseconds in which the indexer writes a batch, and the indexer waits for it.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn delete_blanked_versions(connection: &mut Connection, positions: &[Position]) -> Result<(), Error> {
    connection.batch_execute("SELECT pg_advisory_xact_lock_shared(search_lock_key())").await?;
    delete_versions(connection, positions).await
}

/// Forgets versions of messages.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn delete_versions(connection: &mut Connection, positions: &[Position]) -> Result<(), Error> {
    sql::<()>("DELETE FROM search WHERE position = ANY(")
        .bind::<Array<BigInt>, _>(positions)
        .sql(")")
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets at most `limit` rows of a conversation, whose number among the grams is `gram`; answers how many it was.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn delete_conversation(
    connection: &mut Connection,
    conversation: ConversationId,
    gram: i32,
    limit: usize,
) -> Result<usize, Error> {
    let query = sql::<BigInt>("SELECT search_forget(")
        .bind::<Integer, _>(gram)
        .sql(", ")
        .bind::<Uuid, _>(conversation)
        .sql(", ")
        .bind::<Integer, _>(i32::try_from(limit).unwrap_or(i32::MAX))
        .sql(")");
    let count: i64 = only(query.load(connection).await?)?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Finds versions of messages whose texts may match, of the newest messages below `before` first; about `limit`.
///
/// # Errors
/// [`StoreError`].
pub async fn find(
    connection: &mut Connection,
    filter: &SearchFilter,
    before: Position,
    limit: usize,
) -> Result<SearchCandidates, StoreError> {
    let query =
        sql::<(Array<BigInt>, Array<BigInt>, BigInt)>("SELECT o_created, o_versions, o_reached FROM search_find(")
            .bind::<Array<Integer>, _>(&filter.grams)
            .sql(", ")
            .bind::<Nullable<Array<Integer>>, _>(filter.scope.as_ref())
            .sql(", ")
            .bind::<Array<Uuid>, _>(&filter.conversations)
            .sql(", ")
            .bind::<Array<BigInt>, _>(&filter.firsts)
            .sql(", ")
            .bind::<Array<BigInt>, _>(&filter.lasts)
            .sql(", ")
            .bind::<Nullable<Timestamptz>, _>(filter.since)
            .sql(", ")
            .bind::<Nullable<Timestamptz>, _>(filter.until)
            .sql(", ")
            .bind::<BigInt, _>(before)
            .sql(", ")
            .bind::<Integer, _>(i32::try_from(limit).unwrap_or(i32::MAX))
            .sql(")");
    Ok(only(query.load(connection).await?)?)
}
