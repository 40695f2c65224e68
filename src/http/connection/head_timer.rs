//! When heads of requests begin to arrive and when they are complete, so that a head can be given less time than an idle
//! connection.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Counts the request heads of a connection. Its socket reports arriving and written bytes; the service that answers
/// requests reports complete heads.
pub struct HeadTimer {
    /// Whether the next byte begins a request.
    idle: AtomicBool,
    head_begun: Notify,
    /// How many heads have begun to arrive, or are due.
    started: AtomicUsize,
    /// How many heads were complete.
    complete: AtomicUsize,
    /// Whether everything that was written has gone to the kernel.
    flushed: AtomicBool,
}

impl HeadTimer {
    /// For a connection that has just been made: its first head is due.
    pub fn first_head_due() -> Arc<Self> {
        let timer = Self::idle();
        timer.bytes_arrived();
        timer
    }

    /// For a connection between two requests: nothing is due.
    pub fn idle() -> Arc<Self> {
        Arc::new(Self {
            idle: AtomicBool::new(true),
            head_begun: Notify::new(),
            started: AtomicUsize::new(0),
            complete: AtomicUsize::new(0),
            flushed: AtomicBool::new(true),
        })
    }

    /// Runs the service for a request whose head is complete.
    pub async fn serve<T>(&self, request: impl Future<Output = T>) -> T {
        // Pipelined requests arrive together: all heads up to this one are complete.
        self.complete.store(self.started.load(Ordering::Relaxed), Ordering::Relaxed);
        let answer = request.await;
        self.idle.store(true, Ordering::Relaxed);
        answer
    }

    /// Waits until a head that has begun takes longer than `limit` to be complete.
    pub async fn overdue(&self, limit: Duration) {
        loop {
            self.head_begun.notified().await;
            let started = self.started.load(Ordering::Relaxed);
            tokio::time::sleep(limit).await;
            if self.complete.load(Ordering::Relaxed) < started {
                return;
            }
        }
    }

    /// Whether all responses so far are written. hyper flushes only what it has written whole.
    pub fn is_flushed(&self) -> bool {
        self.flushed.load(Ordering::Relaxed)
    }

    /// Notes that bytes have arrived.
    pub fn bytes_arrived(&self) {
        if self.idle.load(Ordering::Relaxed) && self.idle.swap(false, Ordering::Relaxed) {
            self.started.fetch_add(1, Ordering::Relaxed);
            self.head_begun.notify_one();
        }
    }

    /// Notes whether everything that was written has gone to the kernel.
    pub fn set_flushed(&self, flushed: bool) {
        self.flushed.store(flushed, Ordering::Relaxed);
    }
}
