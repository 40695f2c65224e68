//! Who waits for the delivery of which message: requests of this node, and other nodes.

use crate::ids::{Epoch, NodeId, Position, UserId};
use crate::log::Cursor;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Users who are named to a request that waits. More have the message, and are not named.
const MAX_USERS_NAMED: usize = 1_024;
/// Messages of which other nodes await the delivery. Beyond, this node names nobody to them.
const MAX_NODE_QUESTIONS: usize = 4_096;

/// Who waits for the delivery of which message.
#[derive(Default)]
pub struct DeliveryWaiters(Mutex<WaiterTable>);

type LogPoint = (Epoch, Position);

#[derive(Default)]
struct WaiterTable {
    here: HashMap<LogPoint, Vec<mpsc::Sender<UserId>>>,
    elsewhere: HashMap<LogPoint, (Vec<NodeId>, Instant)>,
}

/// A request that waits. It stops when this is dropped.
pub struct DeliveryWaiter {
    waiters: Arc<DeliveryWaiters>,
    point: LogPoint,
    users: mpsc::Receiver<UserId>,
}

fn log_point(at: Cursor) -> LogPoint {
    (at.epoch, at.position)
}

impl DeliveryWaiters {
    fn table(&self) -> MutexGuard<'_, WaiterTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the delivery of a message.
    pub fn wait(self: &Arc<Self>, at: Cursor) -> DeliveryWaiter {
        let (sender, users) = mpsc::channel(MAX_USERS_NAMED);
        self.table().here.entry(log_point(at)).or_default().push(sender);
        DeliveryWaiter { waiters: self.clone(), point: log_point(at), users }
    }

    /// Whether a request of this node waits for a message.
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

    /// Takes in that this node has sent a message to a user; returns the nodes that wait for it.
    pub fn delivered(&self, at: Cursor, user: UserId) -> Vec<NodeId> {
        self.notify(at, user);
        self.table().elsewhere.get(&log_point(at)).map(|(nodes, _)| nodes.clone()).unwrap_or_default()
    }

    /// Notifies the requests of this node that wait for the message.
    pub fn notify(&self, at: Cursor, user: UserId) {
        for request in self.table().here.get(&log_point(at)).into_iter().flatten() {
            // It may have what it wanted, or names as many users as it may.
            let _ = request.try_send(user);
        }
    }
}

impl DeliveryWaiter {
    /// Waits for the next user who was sent the message.
    pub async fn next(&mut self) -> Option<UserId> {
        self.users.recv().await
    }

    /// Takes one more user, if there is one.
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
