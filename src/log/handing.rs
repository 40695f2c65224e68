//! From the writer to who follows the log: what this node commits need not be read again.

use super::event::Event;
use crate::ids::Epoch;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Batches that may wait. What does not fit is read from the log.
const MOST: usize = 64;

/// A batch of this node that is in the log.
#[derive(Clone, Debug)]
pub struct Committed {
    pub epoch: Epoch,
    /// Not empty, gapless, in order.
    pub events: Vec<Arc<Event>>,
}

/// Where the writer puts its batches.
pub struct Handing {
    batches: mpsc::Sender<Committed>,
    /// Whether an attempt is under way. Its end wakes, its beginning does not.
    attempts: watch::Sender<bool>,
}

/// Where they come out.
pub struct Handed {
    batches: mpsc::Receiver<Committed>,
    attempts: watch::Receiver<bool>,
}

/// Makes both ends.
pub fn channel() -> (Handing, Handed) {
    let (sender, batches) = mpsc::channel(MOST);
    let (attempts, ended) = watch::channel(false);
    (Handing { batches: sender, attempts }, Handed { batches, attempts: ended })
}

impl Handing {
    /// Notes that an attempt begins.
    pub fn begin(&self) {
        self.attempts.send_if_modified(|is_due| {
            *is_due = true;
            false
        });
    }

    /// Hands a batch over.
    pub fn put(&self, batch: Committed) {
        let _ = self.batches.try_send(batch);
    }

    /// Notes that the attempt has ended: what came of it was put in before.
    pub fn end(&self) {
        self.attempts.send_replace(false);
    }
}

impl Handed {
    /// Waits for the next batch, or until an attempt has ended, which may have brought none; `None` when the writer has
    /// ended.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<Option<Committed>> {
        tokio::select! {
            biased;
            batch = self.batches.recv() => batch.map(Some),
            ended = self.attempts.changed() => ended.ok().map(|()| None),
        }
    }

    /// Whether a batch waits, or comes if the attempt that is under way goes well.
    pub fn is_due(&self) -> bool {
        // In this order: an attempt that has ended has put in what it brought.
        *self.attempts.borrow() || !self.batches.is_empty()
    }
}
