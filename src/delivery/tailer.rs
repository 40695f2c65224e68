//! Follows the log: this node's own batches as they are committed, all else by reading.

use super::core::subscriptions::close_reason::CloseReason;
use super::hub::Hub;
use crate::ids::{Epoch, Position};
use crate::log::read::{self, Tail};
use crate::log::{CommitFeed, Cursor, Event, FeedItem};
use crate::shutdown::Shutdown;
use crate::store::{Pool, StoreError};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often the tailer looks at the log without a hint.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// Events that are read at once.
const MAX_TAIL_EVENTS: usize = 1_000;
/// How long PostgreSQL may be silent before clients are sent away.
const MAX_SILENCE: Duration = Duration::from_secs(15);

/// The step that the tailer repeats: reading the log beyond a position.
pub trait LogSource: Send + 'static {
    /// Reads at most `limit` events after `after`, with the present epoch.
    fn read(&mut self, after: Position, limit: usize) -> impl Future<Output = Result<Tail, StoreError>> + Send;
}

impl LogSource for Pool {
    async fn read(&mut self, after: Position, limit: usize) -> Result<Tail, StoreError> {
        self.ask(async |connection| read::tail(connection, after, limit as i64).await).await
    }
}

/// The handle of the task that follows the log.
#[derive(Clone)]
pub struct Tailer(watch::Receiver<Instant>);

/// Whether the log may hold more than was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    CaughtUp,
    More,
}

impl Tailer {
    /// Starts to follow the log from where the hub is.
    pub fn start(
        hub: Hub,
        source: impl LogSource,
        commits: CommitFeed,
        head: watch::Receiver<Position>,
        shutdown: &Shutdown,
    ) -> Self {
        let contact = watch::Sender::new(Instant::now());
        let tailer = Self(contact.subscribe());
        shutdown.spawn(TailerLoop { hub, source, commits, head, contact }.run());
        tailer
    }

    /// Whether the log was read lately.
    pub fn is_in_touch(&self) -> bool {
        self.0.borrow().elapsed() < 3 * POLL_EVERY
    }
}

struct TailerLoop<S> {
    hub: Hub,
    source: S,
    commits: CommitFeed,
    /// The head of the log, as other nodes notify it.
    head: watch::Receiver<Position>,
    contact: watch::Sender<Instant>,
}

impl<S: LogSource> TailerLoop<S> {
    /// Catches up, follows this node's own commits, and catches up again when another node has written, somebody asks
    /// for more than was published, or the time has come.
    async fn run(mut self) {
        let mut poll = tokio::time::interval(POLL_EVERY);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut requested = self.hub.requested();
        let mut head_has_moved = false;
        loop {
            let lags = tokio::select! {
                Some(item) = self.commits.next() => !self.follow(item).await,
                Ok(()) = self.head.changed() => {
                    head_has_moved = true;
                    false
                }
                Ok(()) = requested.changed() => true,
                _ = poll.tick() => true,
            };
            // What seems to come from another node may be this node's own commit, which comes in a moment.
            let looks = head_has_moved && !self.commits.is_due();
            head_has_moved &= !looks;
            if lags || looks && *self.head.borrow() > self.hub.published().position {
                self.catch_up().await;
            }
        }
    }

    /// Publishes a commit of this node if it comes next; returns false if the log must be read instead.
    async fn follow(&mut self, item: FeedItem) -> bool {
        let FeedItem::Committed(committed) = item else { return true };
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

    /// Reads the log to its end. If that fails for long, clients are sent away.
    async fn catch_up(&mut self) {
        loop {
            match self.source.read(self.hub.published().position, MAX_TAIL_EVENTS).await {
                Ok(tail) => {
                    self.contact.send_replace(Instant::now());
                    if self.publish(tail).await == Progress::CaughtUp {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot read the log");
                    if self.contact.borrow().elapsed() > MAX_SILENCE {
                        self.hub.close_all(CloseReason::Unavailable);
                    }
                    return;
                }
            }
        }
    }

    /// Publishes what was read.
    async fn publish(&mut self, tail: Tail) -> Progress {
        let at = self.hub.published();
        let events: Vec<_> = tail.events.into_iter().map(Arc::new).collect();
        let progress = if events.len() < MAX_TAIL_EVENTS { Progress::CaughtUp } else { Progress::More };
        if tail.epoch != at.epoch && !self.enter(at, tail.epoch, tail.first).await {
            return Progress::More;
        }
        let at = self.hub.published().position;
        if !follows(at, &events) {
            tracing::error!(at = at.0, "the log has a gap, clients must start anew");
            let position = events.last().map_or(at, |event| event.position);
            self.hub.rebase(Cursor { epoch: tail.epoch, position }).await;
            return progress;
        }
        self.hub.publish(tail.epoch, events).await;
        progress
    }

    /// Goes over to another epoch; returns whether what was read still comes next.
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
#[path = "tests/tailer.rs"]
mod tests;
