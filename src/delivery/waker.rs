//! Wakes the event loop out of its wait for sockets.

use std::sync::atomic::{AtomicBool, Ordering, fence};

/// Wakes the event loop if it sleeps. While the loop is awake, sending it a command costs no system call.
pub struct LoopWaker {
    asleep: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl LoopWaker {
    /// Makes one that wakes by `wake`.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { asleep: AtomicBool::new(false), wake: Box::new(wake) }
    }

    /// The loop is about to look for commands for the last time, and then to sleep.
    pub fn fall_asleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// The loop is awake.
    pub fn stay_awake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// Wakes the loop after something was sent to it.
    pub fn wake(&self) {
        // Either the loop sees what was sent, or this sees it asleep.
        fence(Ordering::SeqCst);
        if self.asleep.swap(false, Ordering::SeqCst) {
            (self.wake)();
        }
    }
}
