//! The search index: which versions of messages may contain the words of a search, and up to which position it is filled.
//!
//! Filling and deleting must not miss each other. A transaction that fills the index claims the row of `search_progress`
//! and calls [`exclude_deletions`] before it ends. A transaction that blanks texts removes them from the index, by the SQL
//! function `delete_message` or by [`delete_blanked_versions`]. Both sides take the same advisory lock, so the later of the
//! two sees what the earlier did, and no blanked text stays in the index.

use crate::ids::{ConversationId, MessageId, Position};
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::sql::{Time, only, sql};
use diesel::prelude::Queryable;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Timestamptz, Uuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

/// A row of the index: one version of a message.
#[derive(Clone, Debug)]
pub struct IndexedVersion {
    /// Position of the event that holds the text.
    pub position: Position,
    /// Position at which the message was created.
    pub created: Position,
    pub message: MessageId,
    pub conversation: ConversationId,
    pub created_at: Time,
    pub grams: Vec<i32>,
}

/// Up to which position the index is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct IndexProgress {
    /// All events up to and including this position are in the index.
    pub position: Position,
    /// The position at which a rebuild under way ends.
    pub rebuilding: Option<Position>,
}

/// What to do when another transaction is filling the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexClaim {
    /// Return without the claim.
    Try,
    /// Wait for the end of that transaction.
    Wait,
}

/// The conditions of a search.
#[derive(Clone, Debug, Default)]
pub struct SearchFilter {
    /// The bigrams that a row must contain, all of them.
    pub grams: Vec<i32>,
    /// The numbers of the conversations among the bigrams, if there are few conversations.
    pub scope: Option<Vec<i32>>,
    /// What the reader may see: conversation `i` from position `firsts[i]` to `lasts[i]`.
    pub conversations: Vec<ConversationId>,
    pub firsts: Vec<Position>,
    pub lasts: Vec<Position>,
    /// Inclusive.
    pub since: Option<Time>,
    /// Exclusive.
    pub until: Option<Time>,
}

/// Versions of messages whose texts may match; the texts must still be compared.
#[derive(Clone, Debug, Queryable)]
pub struct SearchCandidates {
    /// For each version the position of its message, newest first.
    pub created: Vec<Position>,
    pub versions: Vec<Position>,
    /// All messages from this position on were searched.
    pub reached: Position,
}

/// Reads up to which position the index is filled.
pub async fn progress(connection: &mut Connection) -> Result<IndexProgress, StoreError> {
    let query = sql::<(BigInt, Nullable<BigInt>)>("SELECT position, rebuilding FROM search_progress");
    Ok(only(query.load(connection).await?)?)
}

/// Makes the commit of this transaction asynchronous, so that it does not compete with the commits of sends for the disk.
/// A crash may lose the transaction; the index is then filled again from its stored position.
pub async fn commit_asynchronously(connection: &mut Connection) -> Result<(), Error> {
    connection.batch_execute("SET LOCAL synchronous_commit = off").await
}

/// Claims the right to fill the index until the transaction ends. Returns `None` if another transaction holds it.
pub async fn claim(connection: &mut Connection, claim: IndexClaim) -> Result<Option<IndexProgress>, Error> {
    let query = sql::<(BigInt, Nullable<BigInt>)>(match claim {
        IndexClaim::Try => "SELECT position, rebuilding FROM search_progress FOR UPDATE SKIP LOCKED",
        IndexClaim::Wait => "SELECT position, rebuilding FROM search_progress FOR UPDATE",
    });
    Ok(query.load(connection).await?.into_iter().next())
}

/// Stores up to which position the index is filled now.
pub async fn advance(connection: &mut Connection, progress: IndexProgress) -> Result<(), Error> {
    sql::<()>("UPDATE search_progress SET position = ")
        .bind::<BigInt, _>(progress.position)
        .sql(", rebuilding = ")
        .bind::<Nullable<BigInt>, _>(progress.rebuilding)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes all rows of the index.
pub async fn truncate(connection: &mut Connection) -> Result<(), Error> {
    connection.batch_execute("TRUNCATE search, search_spans").await
}

/// Adds rows to the index.
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

/// Waits for transactions that are blanking texts, and keeps new ones waiting until this transaction ends. A later statement
/// of this transaction sees everything that was blanked.
pub async fn exclude_deletions(connection: &mut Connection) -> Result<(), Error> {
    connection.batch_execute("SELECT pg_advisory_xact_lock(search_lock_key())").await
}

/// Removes versions from the index whose texts the same transaction blanks. Call it as late as possible: it waits for the few
/// milliseconds in which the indexer writes a batch, and the indexer waits for it.
pub async fn delete_blanked_versions(connection: &mut Connection, positions: &[Position]) -> Result<(), Error> {
    connection.batch_execute("SELECT pg_advisory_xact_lock_shared(search_lock_key())").await?;
    delete_versions(connection, positions).await
}

/// Removes versions of messages from the index, without any lock.
pub async fn delete_versions(connection: &mut Connection, positions: &[Position]) -> Result<(), Error> {
    sql::<()>("DELETE FROM search WHERE position = ANY(")
        .bind::<Array<BigInt>, _>(positions)
        .sql(")")
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes at most `limit` rows of a conversation, whose number among the bigrams is `gram`. Returns how many it removed.
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

/// Finds about `limit` versions of messages below `before` whose texts may match, those of the newest messages first.
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
