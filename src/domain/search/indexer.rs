//! Filling the index from the log. One node does it at a time, in batches.

use crate::domain::common::wakeup::wait_for_wakeup;
use crate::domain::search::version::{MessageVersion, read_version};
use crate::domain::search::{fold, ngrams};
use crate::ids::Position;
use crate::log::{Event, read, texts};
use crate::shutdown::Shutdown;
use crate::store::search::{self, IndexClaim, IndexProgress, IndexedVersion};
use crate::store::{Connection, EventKind, Pool, StoreError};
use diesel_async::AsyncConnection;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often a node polls without a wake-up. It is also how soon another node goes on when the indexing one dies.
const INDEX_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long a batch waits for more events before it begins.
const INDEX_GATHER_TIME: Duration = Duration::from_secs(1);
/// While more events wait, the pause after a batch is so many times as long as the batch took: sends, deliveries and
/// reads come before the index.
const REST_FACTOR: u32 = 4;
/// How long one batch may take.
pub const INDEX_BATCH_TIMEOUT: Duration = Duration::from_secs(60);
/// Events of a batch.
const MAX_EVENTS_PER_BATCH: usize = 500;
/// Rows of a deleted conversation that are removed in one transaction.
const MAX_ROWS_FORGOTTEN: usize = 5_000;
/// Numbers of a batch, unless one event has more: 2 MiB, or some 3,000 usual messages.
const MAX_NGRAMS_PER_BATCH: usize = 512 * 1024;

/// How far the index is filled, as this node knows. Cheap to clone.
#[derive(Clone)]
pub struct Indexer(watch::Receiver<Option<Position>>);

impl Indexer {
    /// Starts to fill the index whenever no other node does. `head` wakes it. The pool serves nothing else, so that
    /// indexing and requests do not wait for each other.
    pub fn start(pool: Pool, head: watch::Receiver<Position>, shutdown: &Shutdown) -> Self {
        let reached = watch::Sender::new(None);
        let indexer = Self(reached.subscribe());
        shutdown.spawn(run(pool, head, reached));
        indexer
    }

    /// All events up to here are indexed. `None` until it was read.
    pub fn reached(&self) -> Option<Position> {
        *self.0.borrow()
    }
}

async fn run(pool: Pool, mut head: watch::Receiver<Position>, reached: watch::Sender<Option<Position>>) {
    loop {
        let began = Instant::now();
        match attempt(&pool).await {
            Ok(step) => {
                reached.send_replace(Some(step.progress().position));
                if matches!(step, IndexStep::Filled { more: true, .. }) {
                    tokio::time::sleep(began.elapsed() * REST_FACTOR).await;
                    continue;
                }
            }
            Err(error) => {
                tracing::warn!(error = crate::telemetry::error_chain(&error), "cannot fill the index of texts")
            }
        }
        tokio::time::sleep(INDEX_GATHER_TIME).await;
        wait_for_wakeup(&mut head, INDEX_POLL_INTERVAL).await;
    }
}

async fn attempt(pool: &Pool) -> Result<IndexStep, StoreError> {
    pool.ask(async |connection| fill_if_behind(connection).await).await
}

/// Fills the index if there is anything to do. The check comes first because the claim alone is a write.
async fn fill_if_behind(connection: &mut Connection) -> Result<IndexStep, StoreError> {
    let progress = search::progress(connection).await?;
    if read::tail(connection, progress.position, 1).await?.events.is_empty() {
        return Ok(IndexStep::Filled { progress, more: false });
    }
    fill(connection, IndexClaim::Try).await
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub enum IndexStep {
    /// Another node fills the index.
    Busy(IndexProgress),
    /// The index is filled up to here; whether there is more at once.
    Filled { progress: IndexProgress, more: bool },
}

impl IndexStep {
    /// How far the index is filled.
    pub fn progress(self) -> IndexProgress {
        match self {
            Self::Busy(progress) | Self::Filled { progress, .. } => progress,
        }
    }
}

/// Indexes the next events of the log, in one transaction.
pub async fn fill(connection: &mut Connection, claim: IndexClaim) -> Result<IndexStep, StoreError> {
    connection
        .transaction(async |connection| {
            let Some(mut progress) = search::claim(connection, claim).await? else {
                return Ok(IndexStep::Busy(search::progress(connection).await?));
            };
            search::commit_asynchronously(connection).await?;
            let events = read::tail(connection, progress.position, MAX_EVENTS_PER_BATCH as i64).await?.events;
            let taken = match events.first() {
                Some(first) if first.kind == EventKind::ConversationDeleted => {
                    remove_conversation(connection, first).await?
                }
                _ => index_events(connection, &events).await?,
            };
            if let Some(last) = taken {
                progress.position = last;
                progress.rebuilding = progress.rebuilding.filter(|end| last < *end);
                search::advance(connection, progress).await?;
            }
            let more = events.len() == MAX_EVENTS_PER_BATCH || taken != events.last().map(|event| event.position);
            Ok(IndexStep::Filled { progress, more })
        })
        .await
}

/// Indexes the first events; answers the position of the last of them.
async fn index_events(connection: &mut Connection, events: &[Event]) -> Result<Option<Position>, StoreError> {
    let (mut rows, mut size, mut last) = (Vec::new(), 0, None);
    for event in events {
        if size > MAX_NGRAMS_PER_BATCH || event.kind == EventKind::ConversationDeleted {
            break;
        }
        if let Some(row) = index_row(event) {
            size += row.grams.len();
            rows.push(row);
        }
        last = Some(event.position);
    }
    if !rows.is_empty() {
        search::insert(connection, &rows).await?;
        // A text that was blanked since it was read was not in the index yet when its row was to be deleted.
        search::exclude_deletions(connection).await?;
        let positions: Vec<_> = rows.iter().map(|row| row.position).collect();
        let blank = texts::without_text(connection, &positions).await?;
        search::delete_versions(connection, &blank).await?;
    }
    Ok(last)
}

/// Removes a batch of a deleted conversation; answers the position of its deletion when nothing is left. It is a
/// transaction of its own, because a deletion of a text must not wait for so many rows.
async fn remove_conversation(connection: &mut Connection, end: &Event) -> Result<Option<Position>, StoreError> {
    let gram = ngrams::of_conversation(end.conversation);
    let forgotten = search::delete_conversation(connection, end.conversation, gram, MAX_ROWS_FORGOTTEN).await?;
    Ok((forgotten < MAX_ROWS_FORGOTTEN).then_some(end.position))
}

/// The row of an event, if it is a version of a message with a text.
fn index_row(event: &Event) -> Option<IndexedVersion> {
    let MessageVersion { text, created, created_at } = read_version(event)?;
    let mut grams = ngrams::of_text(&fold::fold(&text));
    grams.push(ngrams::of_conversation(event.conversation));
    // Only the author edits, so the sender of an edit is that of the message.
    grams.push(ngrams::of_sender(event.sender));
    grams.extend(ngrams::of_position(created));
    let (position, conversation) = (event.position, event.conversation);
    Some(IndexedVersion { position, created, message: event.message?, conversation, created_at, grams })
}
