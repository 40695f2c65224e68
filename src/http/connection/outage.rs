//! Backoff and log lines while connections cannot be accepted.

use std::time::Duration;
use tokio::time::Instant;

/// How long to wait after the first failure in a row.
const FIRST_ACCEPT_BACKOFF: Duration = Duration::from_millis(10);
/// How long to wait at most: clients in the kernel's queue do not wait longer than that for nothing.
const MAX_ACCEPT_BACKOFF: Duration = Duration::from_secs(1);
/// After how long without a failure the next one is another outage.
const OUTAGE_GAP: Duration = Duration::from_secs(60);

/// Tells the beginning of an outage from its continuation, so that each is logged once.
#[derive(Default)]
pub struct OutageLog {
    last_failure: Option<Instant>,
}

impl OutageLog {
    /// Notes a failure; answers whether an outage begins with it.
    pub fn fail(&mut self) -> bool {
        let now = Instant::now();
        let last = self.last_failure.replace(now);
        last.is_none_or(|last| now.duration_since(last) > OUTAGE_GAP)
    }
}

/// How long to wait between attempts: twice as long each time.
pub struct AcceptBackoff {
    next: Duration,
}

impl Default for AcceptBackoff {
    fn default() -> Self {
        Self { next: FIRST_ACCEPT_BACKOFF }
    }
}

impl AcceptBackoff {
    /// Answers how long to wait now.
    pub fn wait(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(MAX_ACCEPT_BACKOFF);
        now
    }
}

#[cfg(test)]
#[path = "tests/outage.rs"]
mod tests;
