//! From the writer to the tailer: what this node commits need not be read again.

use crate::ids::Epoch;
use crate::log::event::Event;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Batches that may wait. What does not fit is read from the log.
const MAX_QUEUED_BATCHES: usize = 64;

/// A batch that this node has committed.
#[derive(Clone, Debug)]
pub struct CommittedBatch {
    pub epoch: Epoch,
    /// Not empty, gapless, in order.
    pub events: Vec<Arc<Event>>,
}

/// What comes out of the feed.
#[derive(Clone, Debug)]
pub enum FeedItem {
    Committed(CommittedBatch),
    /// An attempt has ended, which may have brought no batch.
    AttemptEnded,
}

/// The sending end: where the writer puts its batches.
pub struct CommitFeedSender {
    batches: mpsc::Sender<CommittedBatch>,
    /// Whether an attempt is under way. Its end wakes, its beginning does not.
    attempts: watch::Sender<bool>,
}

/// The receiving end: what the tailer reads.
pub struct CommitFeed {
    batches: mpsc::Receiver<CommittedBatch>,
    attempts: watch::Receiver<bool>,
}

/// Makes both ends.
pub fn channel() -> (CommitFeedSender, CommitFeed) {
    let (sender, batches) = mpsc::channel(MAX_QUEUED_BATCHES);
    let (attempts, ended) = watch::channel(false);
    (CommitFeedSender { batches: sender, attempts }, CommitFeed { batches, attempts: ended })
}

impl CommitFeedSender {
    /// Notes that an attempt begins.
    pub fn begin(&self) {
        self.attempts.send_if_modified(|is_due| {
            *is_due = true;
            false
        });
    }

    /// Puts a batch in. One that does not fit is dropped, and read from the log instead.
    pub fn put(&self, batch: CommittedBatch) {
        let _ = self.batches.try_send(batch);
    }

    /// Notes that the attempt has ended: what came of it was put in before.
    pub fn end(&self) {
        self.attempts.send_replace(false);
    }
}

impl CommitFeed {
    /// Waits for the next batch or the end of an attempt; `None` when the writer has ended.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<FeedItem> {
        tokio::select! {
            biased;
            batch = self.batches.recv() => batch.map(FeedItem::Committed),
            ended = self.attempts.changed() => ended.ok().map(|()| FeedItem::AttemptEnded),
        }
    }

    /// Whether a batch waits, or comes if the attempt that is under way goes well.
    pub fn is_due(&self) -> bool {
        // In this order: an attempt that has ended has put in what it brought.
        *self.attempts.borrow() || !self.batches.is_empty()
    }
}
