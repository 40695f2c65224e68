//! Retention: drops the oldest partitions of the log, with all rows that refer to their events.
//!
//! The order of the steps makes it safe at any time:
//!
//! 1. The oldest kept position is moved up, under the log's lock. From then on cursors below it are refused, and readers
//!    that have begun below it end with an error.
//! 2. The ids of dropped events are removed, and the rows of other tables that refer to them. That may take long.
//! 3. The partitions are dropped, one after another.
//!
//! Each run drops whatever lies below the oldest kept position, so it also finishes a run that was killed.

use super::epoch;
use super::read::versions;
use crate::ids::Position;
use crate::store::advisory_keys::{LOG_KEY, RETENTION_KEY};
use crate::store::sql::{only, sql};
use crate::store::{Connection, DrivenConnection, StoreError, Time, open_connection};
use diesel::prelude::Queryable;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};

/// Pages of a table that are swept in one transaction: 8 MiB, some 80,000 ids.
const SWEEP_PAGES: i64 = 1_024;
/// Orphaned edits that are blanked in one statement.
const BLANKED_EDITS: i64 = 500;
/// The tables whose rows refer to events, each with an expression for the last position that a row refers to. The indexer
/// of search may still write rows about dropped events while a run is under way; they are removed by the next run.
const REFERRING_TABLES: [(&str, &str); 4] = [
    ("ids", "position"),
    ("reactions", "added_at"),
    ("search", "created"),
    ("search_spans", "((place + 1) << 12) - 1"),
];
/// The comment of a partition that this command detached in order to drop it. Detached partitions without it are left alone:
/// an operator may have detached them to keep them.
const RETIRED_COMMENT: &str = "Retired: to be dropped by longwave retention.";
/// No timeout that is set in the server may end the wait for a long query of another session.
const RETENTION_SESSION_SETTINGS: &str = "SET statement_timeout = 0; SET lock_timeout = 0; SET jit = off";

/// The progress of a run.
#[derive(Clone, Debug)]
pub enum RetentionProgress {
    /// Pages of a table that were swept, of how many.
    Swept { table: &'static str, pages: i64, of: i64 },
    /// A partition is about to be dropped, which waits for queries that read the log.
    Dropping { partition: String },
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Names of the partitions that are gone.
    pub partitions: Vec<String>,
    /// Oldest position that is kept.
    pub oldest: Position,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    #[error("another run is at work")]
    AlreadyRunning,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for RetentionError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A partition of the log, or a table that was one and was detached to be dropped.
#[derive(Clone, Debug, Queryable)]
struct Partition {
    /// Quoted as SQL needs it.
    name: String,
    /// First position above it; none where it was detached.
    upper: Option<Position>,
    /// Whether its detaching was begun and not finished.
    pending: bool,
}

/// Drops all partitions whose events are older than `bound`, but never the one that holds the head.
///
/// Nodes may serve meanwhile. Only one run at a time is possible. A run that failed or was killed may be repeated.
///
/// # Errors
/// [`RetentionError::AlreadyRunning`], or [`RetentionError::Store`] when PostgreSQL cannot be reached or fails.
pub async fn retire(
    url: &str,
    bound: Time,
    mut report: impl FnMut(RetentionProgress),
) -> Result<Retired, RetentionError> {
    let mut connection = open(url).await?;
    let oldest = advance(&mut connection, bound).await?;
    let retired = retired(&mut connection, oldest).await?;
    if !retired.is_empty() {
        sweep(&mut connection, oldest, &mut report).await?;
    }
    for partition in &retired {
        report(RetentionProgress::Dropping { partition: partition.name.clone() });
        drop_partition(&mut connection, partition).await?;
    }
    // PostgreSQL takes a moment to notice that a connection has closed.
    connection.batch_execute(&format!("SELECT pg_advisory_unlock({})", RETENTION_KEY.0)).await?;
    Ok(Retired { partitions: retired.into_iter().map(|partition| partition.name).collect(), oldest })
}

/// Opens a connection and takes [`RETENTION_KEY`] on it, which is held until it closes.
async fn open(url: &str) -> Result<DrivenConnection, RetentionError> {
    let mut connection = open_connection(url).await?;
    connection.batch_execute(RETENTION_SESSION_SETTINGS).await?;
    let query = sql::<Bool>("SELECT pg_try_advisory_lock(").bind::<BigInt, _>(RETENTION_KEY.0).sql(")");
    if only(query.load(&mut *connection).await?)? { Ok(connection) } else { Err(RetentionError::AlreadyRunning) }
}

/// Moves the oldest position that is kept up to the first partition that stays.
async fn advance(connection: &mut Connection, bound: Time) -> Result<Position, RetentionError> {
    let wanted = first_kept(connection, bound).await?;
    connection
        .transaction(async |connection| {
            // A new epoch copies the oldest position of the one before it. Under the lock it cannot copy the old value.
            connection.batch_execute("SELECT log_lock(0)").await?;
            let query = sql::<BigInt>("UPDATE log_epoch SET oldest_position = greatest(oldest_position, ")
                .bind::<BigInt, _>(wanted)
                .sql(") RETURNING oldest_position");
            let moved: Vec<Position> = query.load(connection).await?;
            Ok(moved.into_iter().max().unwrap_or(wanted))
        })
        .await
}

/// The lower end of the first partition that stays: of the oldest whose last event is not older than `bound`, or that
/// holds the head or lies above it.
async fn first_kept(connection: &mut Connection, bound: Time) -> Result<Position, RetentionError> {
    let mut kept = epoch::oldest_position(connection).await?;
    for partition in partitions(connection).await?.into_iter().filter(|partition| !partition.pending) {
        let Some(upper) = partition.upper else { continue };
        let query = sql::<(Nullable<Timestamptz>, Bool)>("SELECT (SELECT created_at FROM events WHERE position = ")
            .bind::<BigInt, _>(upper.previous())
            .sql("), EXISTS (SELECT 1 FROM events WHERE position >= ")
            .bind::<BigInt, _>(upper)
            .sql(")");
        let (last, is_below_head): (Option<Time>, bool) = only(query.load(connection).await?)?;
        // A partition whose last event cannot be read was retired by an earlier run.
        if !is_below_head || last.is_some_and(|last| last >= bound) {
            break;
        }
        kept = kept.max(upper);
    }
    Ok(kept)
}

/// The partitions of the log by position, and at their end those that were detached to be dropped.
async fn partitions(connection: &mut Connection) -> Result<Vec<Partition>, RetentionError> {
    let query = sql::<(Text, Nullable<BigInt>, Bool)>(
        r"SELECT c.oid::regclass::text,
                (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''(\d+)''\)'))[1]::bigint AS upper,
                i.inhdetachpending
           FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent = 'events'::regclass
          UNION ALL
         SELECT c.oid::regclass::text, NULL, false FROM pg_class c
          WHERE c.relkind = 'r' AND NOT c.relispartition AND obj_description(c.oid, 'pg_class') = ",
    )
    .bind::<Text, _>(RETIRED_COMMENT)
    .sql(" ORDER BY upper NULLS LAST");
    Ok(query.load(connection).await?)
}

/// The partitions that are to be dropped.
async fn retired(connection: &mut Connection, oldest: Position) -> Result<Vec<Partition>, RetentionError> {
    let partitions = partitions(connection).await?.into_iter();
    Ok(partitions.filter(|partition| partition.upper.is_none_or(|upper| upper <= oldest)).collect())
}

/// Removes the rows that refer to events below `oldest`. It scans the whole tables, a part at a time: an index that finds
/// those rows would make every append slower.
async fn sweep(
    connection: &mut Connection,
    oldest: Position,
    report: &mut impl FnMut(RetentionProgress),
) -> Result<(), RetentionError> {
    for (table, last) in REFERRING_TABLES {
        let query = sql::<BigInt>("SELECT pg_relation_size(")
            .bind::<Text, _>(table)
            .sql("::regclass) / current_setting('block_size')::bigint");
        let of: i64 = only(query.load(connection).await?)?;
        let mut pages = 0;
        while pages < of {
            let part = format!("ctid >= '({pages},0)'::tid AND ctid < '({},0)'::tid", pages + SWEEP_PAGES);
            let oldest = oldest.0;
            connection.batch_execute(&format!("DELETE FROM {table} WHERE {part} AND {last} < {oldest}")).await?;
            pages = of.min(pages + SWEEP_PAGES);
            report(RetentionProgress::Swept { table, pages, of });
        }
    }
    erase_orphaned_edits(connection, oldest).await
}

/// Erases the texts of kept edits whose message is no longer kept, because no later deletion could find them. The ids of
/// those messages have been removed before.
///
/// The log's lock is taken once, as a barrier. An edit looks up the id of its message under that lock (`change_text`). One
/// that found it has committed by the time the barrier is passed; a later one does not find it and is refused. So no more
/// orphaned edits can appear, and they are found and blanked without the lock, while appends go on.
async fn erase_orphaned_edits(connection: &mut Connection, oldest: Position) -> Result<(), RetentionError> {
    // A statement that commits by itself: the lock is released at its end.
    let barrier = sql::<()>("SELECT pg_advisory_xact_lock(").bind::<BigInt, _>(LOG_KEY.0).sql(")");
    barrier.execute(connection).await?;
    let mut after = oldest.previous();
    loop {
        let edits = versions::orphaned_edits(connection, after, BLANKED_EDITS).await?;
        let Some(last) = edits.last() else { return Ok(()) };
        after = *last;
        versions::blank_orphaned_edits(connection, &edits).await?;
    }
}

async fn drop_partition(connection: &mut Connection, partition: &Partition) -> Result<(), RetentionError> {
    let name = &partition.name;
    if partition.pending {
        connection.batch_execute(&format!("ALTER TABLE events DETACH PARTITION {name} FINALIZE")).await?;
    } else if partition.upper.is_some() {
        connection.batch_execute(&format!("COMMENT ON TABLE {name} IS '{RETIRED_COMMENT}'")).await?;
        // A statement of its own: PostgreSQL refuses it inside of a transaction.
        connection.batch_execute(&format!("ALTER TABLE events DETACH PARTITION {name} CONCURRENTLY")).await?;
    }
    connection.batch_execute(&format!("DROP TABLE {name}")).await?;
    Ok(())
}
