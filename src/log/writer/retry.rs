use super::error::{AttemptError, WriteError};
use crate::ids::Position;
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
    /// What was seen committed before the first attempt.
    known_before: Position,
    delay: Duration,
}

impl RetryState {
    /// Begins with no attempt made. `known` is the highest position that was seen committed.
    pub fn new(known: Position) -> Self {
        Self { unknown: false, known_before: known, delay: MIN_RETRY_DELAY }
    }

    /// Whether a write that was found at `position` was made by an earlier attempt, and not by an earlier request.
    ///
    /// It was, if an attempt may have been committed and the event stands above all that was seen before the first one.
    /// One case looks the same: another node has committed the same request of the same client since this node's last
    /// commit or new connection, which is what "seen" means here. On a node that seldom writes that may be long ago. Then
    /// both requests are answered as the one that made the write; it is in the log once.
    pub fn is_own(&self, position: Position) -> bool {
        self.unknown && position > self.known_before
    }

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

    /// The error that the caller gets when the last attempt failed with `error`. It is another one when an earlier attempt may
    /// have been committed, of which `error` says nothing.
    pub fn ended_by(&self, error: WriteError) -> WriteError {
        if self.unknown { WriteError::Unresolved } else { error }
    }

    /// Waits before the next attempt: half to all of a delay that doubles.
    pub async fn back_off(&mut self) {
        tokio::time::sleep(self.delay.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.delay = (self.delay * 2).min(MAX_RETRY_DELAY);
    }
}
