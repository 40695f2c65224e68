use super::error::{AttemptError, WriteError};
use std::time::Duration;

/// The delay before the second attempt, before jitter.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(50);
/// The delay to which it doubles, before jitter.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The attempts at one batch or change.
#[derive(Clone)]
pub struct RetryState {
    /// Whether an earlier attempt may have been committed, or may still be.
    unknown: bool,
    delay: Duration,
}

impl Default for RetryState {
    fn default() -> Self {
        Self { unknown: false, delay: MIN_RETRY_DELAY }
    }
}

impl RetryState {
    /// Whether an earlier attempt may have been committed, or may still be.
    pub fn is_unknown(&self) -> bool {
        self.unknown
    }

    /// Notes a failed attempt. Answers whether the write may be forgotten: no caller waits for it, and no attempt can have
    /// been committed.
    pub fn give_up(&mut self, error: &AttemptError, abandoned: bool) -> bool {
        tracing::warn!(%error, "append failed");
        self.unknown |= matches!(error, AttemptError::Unknown(_));
        abandoned && !self.unknown
    }

    /// What the caller of a refused write learns: a refusal tells nothing of an earlier attempt that may have been committed.
    pub fn refused(&self) -> WriteError {
        if self.unknown { WriteError::Unresolved } else { WriteError::Failed }
    }

    /// Waits before the next attempt: half to all of a delay that doubles.
    pub async fn back_off(&mut self) {
        tokio::time::sleep(self.delay.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.delay = (self.delay * 2).min(MAX_RETRY_DELAY);
    }
}
