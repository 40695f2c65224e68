use crate::log::Cursor;
use crate::wire::Encoded;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Bytes of events that may wait for one client: with what is being written to it, a client costs 256 KiB at most.
const MOST_BYTES: usize = 128 * 1024;
/// Bytes of events that are written at once.
const PIECE_BYTES: usize = 64 * 1024;

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

impl Close {
    /// Whether what waits is still delivered: not what a client may no longer see, or would see again from its cursor.
    fn keeps_events(self) -> bool {
        match self {
            Self::Expired | Self::Draining | Self::Replaced | Self::Rotate => true,
            Self::Revoked | Self::Slow | Self::Unavailable | Self::Rebased => false,
        }
    }
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
    closed: Option<Closed>,
}

#[derive(Clone, Copy, Debug)]
struct Closed {
    reason: Close,
    since: Instant,
    /// How far the queue has all events; none where some were dropped.
    upto: Option<Cursor>,
}

/// A piece that was taken from a queue.
#[derive(Debug)]
pub struct Taken {
    pub events: Vec<Arc<Encoded>>,
    /// Whether nothing was left.
    pub drained: bool,
    pub closed: Option<Close>,
    /// If it is closed: how far it had all events.
    pub upto: Option<Cursor>,
}

impl Queue {
    /// Adds an event. What does not fit is dropped with all that waits, and the queue closes: the client resumes from
    /// its cursor.
    pub fn push(&self, event: &Arc<Encoded>) {
        let mut inner = self.lock();
        if inner.closed.is_some() {
            return;
        }
        let size_bytes = event.size_bytes();
        if !inner.events.is_empty() && inner.bytes + size_bytes > MOST_BYTES {
            inner.close(Close::Slow, None);
        } else {
            inner.bytes += size_bytes;
            inner.events.push_back(event.clone());
        }
        drop(inner);
        self.news.notify_one();
    }

    /// Closes the queue, which has all events up to `upto`; the first reason stays.
    pub fn close(&self, reason: Close, upto: Cursor) {
        let mut inner = self.lock();
        if inner.closed.is_none() {
            inner.close(reason, Some(upto));
            drop(inner);
            self.news.notify_one();
        }
    }

    /// Takes what is written at once: a piece, and one event at least if there is one.
    pub fn take(&self) -> Taken {
        let mut inner = self.lock();
        let (mut events, mut bytes) = (Vec::new(), 0);
        while let Some(event) = inner.events.front() {
            bytes += event.size_bytes();
            if !events.is_empty() && bytes > PIECE_BYTES {
                break;
            }
            events.extend(inner.events.pop_front());
        }
        inner.bytes -= events.iter().map(|event| event.size_bytes()).sum::<usize>();
        Taken {
            events,
            drained: inner.events.is_empty(),
            closed: inner.closed.map(|closed| closed.reason),
            upto: inner.closed.and_then(|closed| closed.upto),
        }
    }

    /// Whether it is closed, and why.
    pub fn closed(&self) -> Option<Close> {
        self.lock().closed.map(|closed| closed.reason)
    }

    /// Whether it is closed for so long that its client cannot be reading.
    pub fn is_overdue(&self) -> bool {
        self.lock().closed.is_some_and(|closed| {
            let grace = match closed.reason {
                // What may no longer be read must not stay open.
                Close::Expired | Close::Revoked => Duration::from_secs(1),
                _ => Duration::from_secs(10),
            };
            closed.since.elapsed() > grace
        })
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
    fn close(&mut self, reason: Close, upto: Option<Cursor>) {
        let keep = reason.keeps_events();
        self.closed = Some(Closed { reason, since: Instant::now(), upto: upto.filter(|_| keep) });
        if !keep {
            self.events = VecDeque::new();
            self.bytes = 0;
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
