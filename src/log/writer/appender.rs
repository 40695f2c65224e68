use super::appended_batch::AppendedBatch;
use super::changes::change::ApplyOutcome;
use super::changes::pending::PendingChange;
use super::error::AttemptError;
use crate::ids::{Epoch, Position};
use crate::log::event::NewEvent;
use std::future::Future;

/// Makes attempts on PostgreSQL. The writer repeats them; tests put another one in its place.
pub trait Appender: Send + 'static {
    /// The highest position that was seen committed.
    fn known(&self) -> Position;
    /// Appends events in one transaction.
    fn append(&mut self, events: &[&NewEvent]) -> impl Future<Output = Result<AppendedBatch, AttemptError>> + Send;
    /// Applies one change in one transaction.
    fn change(
        &mut self,
        change: &mut PendingChange,
    ) -> impl Future<Output = Result<(ApplyOutcome, Epoch), AttemptError>> + Send;
}
