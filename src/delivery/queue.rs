use crate::wire::Encoded;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Bytes of events that may wait for one client.
const MOST_BYTES: usize = 256 * 1024;

/// Why a subscription ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The token ends.
    Expired,
    Revoked,
    Draining,
    /// More waited for the client than may.
    Slow,
    /// The user opened one stream too many, and this was the oldest.
    Replaced,
    /// Old age.
    Rotate,
    /// PostgreSQL is gone.
    Unavailable,
    /// The log's history changed: the cursor must be judged anew.
    Rebased,
}

/// What waits for one client.
#[derive(Debug, Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<Arc<Encoded>>,
    bytes: usize,
    closed: Option<Close>,
    closed_at: Option<Instant>,
}

/// What was taken from a queue.
#[derive(Debug)]
pub struct Taken {
    pub events: VecDeque<Arc<Encoded>>,
    pub closed: Option<Close>,
}

impl Queue {
    /// Adds an event. What does not fit is dropped with all that waits, and the queue closes: the client resumes from
    /// its cursor.
    pub fn push(&self, event: &Arc<Encoded>) {
        let mut inner = self.lock();
        if inner.closed.is_some() {
            return;
        }
        inner.bytes += event.size_bytes();
        if inner.bytes > MOST_BYTES {
            inner.close(Close::Slow);
        } else {
            inner.events.push_back(event.clone());
        }
        drop(inner);
        self.news.notify_one();
    }

    /// Closes the queue; the first reason stays.
    pub fn close(&self, reason: Close) {
        let mut inner = self.lock();
        if inner.closed.is_none() {
            inner.close(reason);
            drop(inner);
            self.news.notify_one();
        }
    }

    /// Takes all that waits.
    pub fn take(&self) -> Taken {
        let mut inner = self.lock();
        inner.bytes = 0;
        Taken { events: std::mem::take(&mut inner.events), closed: inner.closed }
    }

    /// Whether it is closed, and why.
    pub fn closed(&self) -> Option<Close> {
        self.lock().closed
    }

    /// Whether it is closed for so long that its client cannot be reading.
    pub fn is_overdue(&self) -> bool {
        let inner = self.lock();
        let grace = match inner.closed {
            // What may no longer be read must not stay open.
            Some(Close::Expired | Close::Revoked) => Duration::from_secs(1),
            _ => Duration::from_secs(10),
        };
        inner.closed_at.is_some_and(|at| at.elapsed() > grace)
    }

    /// Waits until there may be something to take.
    pub async fn wait(&self) {
        self.news.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn close(&mut self, reason: Close) {
        self.closed = Some(reason);
        self.closed_at = Some(Instant::now());
        // What a client may no longer see, or would see again from its cursor, is not delivered.
        let keep = matches!(reason, Close::Expired | Close::Draining | Close::Replaced | Close::Rotate);
        if !keep {
            self.events = VecDeque::new();
            self.bytes = 0;
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
