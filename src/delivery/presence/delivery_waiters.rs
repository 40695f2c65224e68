//! Who waits to know that a message has been handed over: requests of this node, and other nodes.

use crate::ids::{Epoch, NodeId, Position, UserId};
use crate::log::Cursor;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Questions of other nodes that are remembered. Beyond, nobody is told.
const MAX_NODE_QUESTIONS: usize = 4_096;

/// Who waits for which message.
#[derive(Default)]
pub struct DeliveryWaiters(Mutex<WaiterTable>);

type LogPoint = (Epoch, Position);

#[derive(Default)]
struct WaiterTable {
    here: HashMap<LogPoint, Vec<mpsc::UnboundedSender<UserId>>>,
    elsewhere: HashMap<LogPoint, (Vec<NodeId>, Instant)>,
}

/// A request that waits. It stops when this is dropped.
pub struct DeliveryWaiter {
    waiters: Arc<DeliveryWaiters>,
    point: LogPoint,
    users: mpsc::UnboundedReceiver<UserId>,
}

fn log_point(at: Cursor) -> LogPoint {
    (at.epoch, at.position)
}

impl DeliveryWaiters {
    fn table(&self) -> MutexGuard<'_, WaiterTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a message.
    pub fn wait(self: &Arc<Self>, at: Cursor) -> DeliveryWaiter {
        // One entry a user and connection: no more than have the message.
        let (sender, users) = mpsc::unbounded_channel();
        self.table().here.entry(log_point(at)).or_default().push(sender);
        DeliveryWaiter { waiters: self.clone(), point: log_point(at), users }
    }

    /// Whether a request waits for a message.
    pub fn is_awaited(&self, at: Cursor) -> bool {
        self.table().here.contains_key(&log_point(at))
    }

    /// Notes that another node waits for a message.
    pub fn note(&self, at: Cursor, node: NodeId, wait: Duration, now: Instant) {
        let mut table = self.table();
        if table.elsewhere.len() >= MAX_NODE_QUESTIONS {
            table.elsewhere.retain(|_, (_, until)| *until > now);
        }
        if table.elsewhere.len() < MAX_NODE_QUESTIONS {
            let (nodes, until) = table.elsewhere.entry(log_point(at)).or_insert((Vec::new(), now));
            *until = (*until).max(now + wait);
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
    }

    /// Takes in that a user has been handed a message here; answers the nodes that want to know.
    pub fn delivered(&self, at: Cursor, user: UserId) -> Vec<NodeId> {
        self.tell(at, user);
        self.table().elsewhere.get(&log_point(at)).map(|(nodes, _)| nodes.clone()).unwrap_or_default()
    }

    /// Tells the requests of this node.
    pub fn tell(&self, at: Cursor, user: UserId) {
        for request in self.table().here.get(&log_point(at)).into_iter().flatten() {
            // It may have what it wanted.
            let _ = request.send(user);
        }
    }
}

impl DeliveryWaiter {
    /// Waits for the next user who has been handed the message.
    pub async fn next(&mut self) -> Option<UserId> {
        self.users.recv().await
    }

    /// One more, if there is.
    pub fn try_next(&mut self) -> Option<UserId> {
        self.users.try_recv().ok()
    }
}

impl Drop for DeliveryWaiter {
    fn drop(&mut self) {
        self.users.close();
        let mut table = self.waiters.table();
        if let Some(requests) = table.here.get_mut(&self.point) {
            requests.retain(|request| !request.is_closed());
            if requests.is_empty() {
                table.here.remove(&self.point);
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/delivery_waiters.rs"]
mod tests;
