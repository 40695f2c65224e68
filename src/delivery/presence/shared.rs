//! What the tasks of this room share.

use super::connection_tracker::ConnectionTracker;
use super::delivery_waiters::DeliveryWaiters;
use super::outbox::Outbox;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the tasks share.
pub struct PresenceShared {
    changes: Mutex<ConnectionTracker>,
    pub waiters: Arc<DeliveryWaiters>,
    pub outbox: Arc<Outbox>,
    /// Whether another node may have written to the table of connections.
    is_table_changed: AtomicBool,
}

impl Default for PresenceShared {
    fn default() -> Self {
        let waiters = Arc::new(DeliveryWaiters::default());
        let outbox = Arc::new(Outbox::new(waiters.clone()));
        Self { changes: Mutex::default(), waiters, outbox, is_table_changed: AtomicBool::new(true) }
    }
}

impl PresenceShared {
    /// Who has connected and disconnected since it was last written.
    pub fn changes(&self) -> MutexGuard<'_, ConnectionTracker> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the table of connections read soon.
    pub fn request_read(&self) {
        self.is_table_changed.store(true, Ordering::Relaxed);
    }

    /// Whether the table of connections is to be read; the request is then taken.
    pub fn take_read_request(&self) -> bool {
        self.is_table_changed.swap(false, Ordering::Relaxed)
    }
}
