//! Requests to the thread behind the hub that must never be refused, and so need no place in a queue: each is either made
//! or not, however often it is made.

use super::core::subscriptions::close_reason::CloseReason;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The requests that were made since they were taken last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ControlRequests {
    /// End every subscription.
    pub close_all: Option<CloseReason>,
    /// End the subscriptions of sessions and users that have ended.
    pub close_revoked: bool,
    /// End the thread.
    pub stop: bool,
}

/// Where the requests are made and taken.
#[derive(Default)]
pub struct LoopControl {
    requests: Mutex<ControlRequests>,
    is_pending: AtomicBool,
}

impl LoopControl {
    /// Requests the end of every subscription. A node that drains stays one that drains.
    pub fn close_all(&self, reason: CloseReason) {
        self.request(|requests| {
            if requests.close_all != Some(CloseReason::Draining) {
                requests.close_all = Some(reason);
            }
        });
    }

    /// Requests the end of the subscriptions of sessions and users that have ended.
    pub fn close_revoked(&self) {
        self.request(|requests| requests.close_revoked = true);
    }

    /// Requests the end of the thread.
    pub fn stop(&self) {
        self.request(|requests| requests.stop = true);
    }

    /// Whether anything was requested.
    pub fn is_pending(&self) -> bool {
        self.is_pending.load(Ordering::SeqCst)
    }

    /// Takes the requests.
    pub fn take(&self) -> ControlRequests {
        if !self.is_pending.swap(false, Ordering::SeqCst) {
            return ControlRequests::default();
        }
        std::mem::take(&mut *self.lock())
    }

    fn request(&self, change: impl FnOnce(&mut ControlRequests)) {
        change(&mut self.lock());
        self.is_pending.store(true, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, ControlRequests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
