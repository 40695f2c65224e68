//! Follows the log: batches of this node as they are handed over, all else by reading.

use super::close::Close;
use super::hub::Hub;
use crate::ids::{Epoch, Position};
use crate::log::read::{self, Tail};
use crate::log::{CommitFeed, CommittedBatch, Cursor, Event};
use crate::shutdown::Shutdown;
use crate::store::{ANSWER, Pool, StoreError};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often the tailer looks without being told.
const POLL: Duration = Duration::from_secs(1);
/// Events that are read at once.
const PAGE: usize = 1_000;
/// How long PostgreSQL may be silent before clients are sent away.
const SILENCE: Duration = Duration::from_secs(15);

/// The step that the tailer repeats: reading the log beyond a position.
pub trait Source: Send + 'static {
    /// Reads at most `limit` events after `after`, with the present epoch.
    fn read(&mut self, after: Position, limit: usize) -> impl Future<Output = Result<Tail, StoreError>> + Send;
}

impl Source for Pool {
    async fn read(&mut self, after: Position, limit: usize) -> Result<Tail, StoreError> {
        let mut connection = self.get().await?;
        let tail = tokio::time::timeout(ANSWER, read::tail(&mut connection, after, limit as i64)).await;
        connection.settle(tail)
    }
}

/// How the tailer is doing.
#[derive(Clone)]
pub struct Tailer(watch::Receiver<Instant>);

impl Tailer {
    /// Starts to follow the log from where the hub is.
    pub fn start(
        hub: Hub,
        source: impl Source,
        handed: CommitFeed,
        head: watch::Receiver<Position>,
        shutdown: &Shutdown,
    ) -> Self {
        let contact = watch::Sender::new(Instant::now());
        let tailer = Self(contact.subscribe());
        shutdown.spawn(Loop { hub, source, handed, head, contact }.run());
        tailer
    }

    /// Whether the log was read lately.
    pub fn is_in_touch(&self) -> bool {
        self.0.borrow().elapsed() < 3 * POLL
    }
}

struct Loop<S> {
    hub: Hub,
    source: S,
    handed: CommitFeed,
    head: watch::Receiver<Position>,
    contact: watch::Sender<Instant>,
}

impl<S: Source> Loop<S> {
    async fn run(mut self) {
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut wanted = self.hub.wanted();
        let mut is_told = false;
        loop {
            let read = tokio::select! {
                Some(batch) = self.handed.next() => !self.take(batch).await,
                Ok(()) = self.head.changed() => {
                    is_told = true;
                    false
                }
                Ok(()) = wanted.changed() => true,
                _ = poll.tick() => true,
            };
            // What it was told of may be this node's own, which is handed over in a moment.
            let looks = is_told && !self.handed.is_due();
            is_told &= !looks;
            if read || looks && *self.head.borrow() > self.hub.published().position {
                self.catch_up().await;
            }
        }
    }

    /// Publishes a handed batch if it is what comes next; answers whether there is nothing to read.
    async fn take(&mut self, batch: Option<CommittedBatch>) -> bool {
        let Some(committed) = batch else { return true };
        let at = self.hub.published();
        let (Some(first), Some(last)) = (committed.events.first(), committed.events.last()) else { return true };
        if committed.epoch != at.epoch {
            return false;
        }
        if first.position == at.position.next() {
            self.hub.publish(committed.epoch, committed.events).await;
            return true;
        }
        // A read was faster.
        last.position <= at.position
    }

    async fn catch_up(&mut self) {
        loop {
            match self.source.read(self.hub.published().position, PAGE).await {
                Ok(tail) => {
                    self.contact.send_replace(Instant::now());
                    if self.follow(tail).await < PAGE {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot read the log");
                    if self.contact.borrow().elapsed() > SILENCE {
                        self.hub.close_all(Close::Unavailable);
                    }
                    return;
                }
            }
        }
    }

    /// Publishes what was read; answers how many events that were.
    async fn follow(&mut self, tail: Tail) -> usize {
        let at = self.hub.published();
        let events: Vec<_> = tail.events.into_iter().map(Arc::new).collect();
        let count = events.len();
        if tail.epoch != at.epoch && !self.enter(at, tail.epoch, tail.first).await {
            return PAGE;
        }
        let at = self.hub.published().position;
        if !follows(at, &events) {
            tracing::error!(at = at.0, "the log has a gap, clients must start anew");
            let position = events.last().map_or(at, |event| event.position);
            self.hub.rebase(Cursor { epoch: tail.epoch, position }).await;
            return count;
        }
        self.hub.publish(tail.epoch, events).await;
        count
    }

    /// Goes over to another epoch; answers whether what was read still comes next.
    async fn enter(&mut self, at: Cursor, epoch: Epoch, first: Position) -> bool {
        tracing::warn!(epoch = epoch.0, first = first.0, "the log has begun a new epoch");
        let lost = at.position >= first;
        let position = if lost { first.previous() } else { at.position };
        self.hub.rebase(Cursor { epoch, position }).await;
        !lost
    }
}

fn follows(at: Position, events: &[Arc<Event>]) -> bool {
    events.iter().enumerate().all(|(index, event)| event.position == at.plus(index + 1))
}

#[cfg(test)]
#[path = "tailer_tests.rs"]
mod tests;
