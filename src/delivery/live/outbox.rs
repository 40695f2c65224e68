//! What this node has to tell the others.

use super::Shared;
use super::hint::{self, Hint};
use super::waiting::Waiting;
use crate::ids::NodeId;
use crate::log::{Cursor, LIVE_CHANNEL};
use crate::store::{ANSWER, Pool, StoreError, nodes};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How often a node tells something: NOTIFY takes a lock of the whole database.
const EVERY: Duration = Duration::from_millis(150);
/// Hints that may wait: more are dropped.
const MOST_HINTS: usize = 4_096;
/// Payloads that are told at once: what does not fit is dropped.
const MOST_PAYLOADS: usize = 32;

/// What waits to be told.
pub struct Outbox {
    hints: Mutex<Vec<Hint>>,
    wake: Notify,
    /// Whether there is anybody to be told; so it is believed until it is known.
    others: AtomicBool,
    waiting: Arc<Waiting>,
}

impl Outbox {
    /// Makes an empty one.
    pub fn new(waiting: Arc<Waiting>) -> Self {
        Self { hints: Mutex::default(), wake: Notify::new(), others: AtomicBool::new(true), waiting }
    }

    /// Notes whether other nodes run.
    pub fn know(&self, others: bool) {
        self.others.store(others, Ordering::Relaxed);
    }

    /// Puts in what others are to be told, if there are others.
    pub fn push(&self, hint: Hint) {
        if !self.others.load(Ordering::Relaxed) {
            return;
        }
        let mut hints = self.hints.lock().unwrap_or_else(PoisonError::into_inner);
        if hints.len() < MOST_HINTS {
            hints.push(hint);
        }
        drop(hints);
        self.wake.notify_one();
    }

    fn take(&self) -> Vec<Hint> {
        let mut hints = std::mem::take(&mut *self.hints.lock().unwrap_or_else(PoisonError::into_inner));
        // Most who wait have their answer by now, from this node.
        hints.retain(|hint| match hint {
            Hint::Asked { at, .. } => Cursor::parse(at).is_some_and(|at| self.waiting.is_awaited(at)),
            Hint::Moved | Hint::Typing { .. } | Hint::Handed { .. } => true,
        });
        hints
    }
}

/// Tells what is put in.
pub(super) async fn send(shared: Arc<Shared>, node: NodeId, pool: Pool) {
    loop {
        shared.outbox.wake.notified().await;
        tokio::time::sleep(EVERY).await;
        let mut payloads = hint::pack(node, &shared.outbox.take());
        payloads.truncate(MOST_PAYLOADS);
        if !payloads.is_empty()
            && let Err(error) = notify(&pool, &payloads).await
        {
            tracing::warn!(%error, "cannot tell other nodes what is live");
        }
    }
}

async fn notify(pool: &Pool, payloads: &[String]) -> Result<(), StoreError> {
    let mut connection = pool.get().await?;
    let told = tokio::time::timeout(ANSWER, nodes::notify(&mut connection, LIVE_CHANNEL, payloads)).await;
    connection.settle(told)
}
