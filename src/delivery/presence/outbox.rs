//! Hints that wait to be sent to other nodes.

use super::delivery_waiters::DeliveryWaiters;
use super::node_hint::{self, NodeHint};
use crate::ids::NodeId;
use crate::log::{Cursor, LIVE_CHANNEL};
use crate::store::{Pool, StoreError, nodes};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How often a node sends: NOTIFY takes a lock of the whole database.
const SEND_EVERY: Duration = Duration::from_millis(150);
/// Hints that may wait: more are dropped.
const MAX_HINTS: usize = 4_096;
/// Payloads that are sent at once: what does not fit is dropped.
const MAX_PAYLOADS: usize = 32;

/// Hints that wait to be sent.
pub struct Outbox {
    hints: Mutex<Vec<NodeHint>>,
    wake: Notify,
    /// Whether other nodes run. Until that is known, it is assumed.
    others: AtomicBool,
    waiters: Arc<DeliveryWaiters>,
}

impl Outbox {
    /// Makes an empty one.
    pub fn new(waiters: Arc<DeliveryWaiters>) -> Self {
        Self { hints: Mutex::default(), wake: Notify::new(), others: AtomicBool::new(true), waiters }
    }

    /// Notes whether other nodes run.
    pub fn set_others(&self, others: bool) {
        self.others.store(others, Ordering::Relaxed);
    }

    /// Adds a hint, if other nodes run.
    pub fn push(&self, hint: NodeHint) {
        if !self.others.load(Ordering::Relaxed) {
            return;
        }
        let mut hints = self.hints.lock().unwrap_or_else(PoisonError::into_inner);
        if hints.len() < MAX_HINTS {
            hints.push(hint);
        }
        drop(hints);
        self.wake.notify_one();
    }

    fn take(&self) -> Vec<NodeHint> {
        let mut hints = std::mem::take(&mut *self.hints.lock().unwrap_or_else(PoisonError::into_inner));
        // Most requests have their answer by now, from this node.
        hints.retain(|hint| match hint {
            NodeHint::DeliveryAwaited { at, .. } => Cursor::parse(at).is_some_and(|at| self.waiters.is_awaited(at)),
            NodeHint::ConnectionsChanged | NodeHint::Typing { .. } | NodeHint::Delivered { .. } => true,
        });
        hints
    }
}

/// Sends what is added.
pub async fn run(outbox: Arc<Outbox>, node: NodeId, pool: Pool) {
    loop {
        outbox.wake.notified().await;
        tokio::time::sleep(SEND_EVERY).await;
        let mut payloads = node_hint::pack(node, &outbox.take());
        payloads.truncate(MAX_PAYLOADS);
        if !payloads.is_empty()
            && let Err(error) = notify(&pool, &payloads).await
        {
            tracing::warn!(%error, "cannot send hints to other nodes");
        }
    }
}

async fn notify(pool: &Pool, payloads: &[String]) -> Result<(), StoreError> {
    pool.ask(async |connection| nodes::notify(connection, LIVE_CHANNEL, payloads).await).await
}
