use super::change::{ApplyOutcome, ErasedChange};
use super::function::QueuedFunction;
use crate::ids::Epoch;
#[cfg(test)]
use crate::log::event::WriteKey;
use crate::log::writer::append::{self, AppendContext};
use crate::log::writer::error::{AttemptFault, WriteError};
use crate::store::Connection;

/// A change in the writer's queue.
pub enum PendingChange {
    /// It decides in Rust, in a transaction of several round trips.
    Transaction(Box<dyn ErasedChange>),
    /// One SQL function decides and makes it, in one round trip.
    Function(Box<QueuedFunction>),
}

impl PendingChange {
    /// The id of the write.
    #[cfg(test)]
    pub fn key(&self) -> &WriteKey {
        match self {
            Self::Transaction(change) => change.key(),
            Self::Function(change) => change.key(),
        }
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_abandoned(&self) -> bool {
        match self {
            Self::Transaction(change) => change.is_abandoned(),
            Self::Function(change) => change.is_abandoned(),
        }
    }

    /// Makes one attempt. A failure may leave a transaction open.
    pub async fn attempt(
        &mut self,
        connection: &mut Connection,
        context: AppendContext,
    ) -> Result<(ApplyOutcome, Epoch), AttemptFault> {
        match self {
            Self::Transaction(change) => append::apply(connection, context, change.as_mut()).await,
            Self::Function(change) => Ok(change.attempt(connection, context).await?),
        }
    }

    /// Answers the caller.
    pub fn finish(self, outcome: Result<ApplyOutcome, WriteError>) {
        match self {
            Self::Transaction(change) => change.finish(outcome),
            Self::Function(change) => change.finish(outcome),
        }
    }
}
