use super::cursor::Cursor;
use super::event::NewEvent;
use super::listener::{self, Wakeups};
use super::partitions;
use super::writer::changes::change::{Change, ChangeError, ChangeOutcome};
use super::writer::changes::function::{FunctionChange, FunctionRejection};
use super::writer::commit_feed::CommitFeed;
use super::writer::error::{AttemptError, WriteError};
use super::writer::queue::{SendOutcome, Writer};
use super::writer::reconnecting::ReconnectingAppender;
use super::writer::task;
use crate::shutdown::Shutdown;
use crate::store::Pool;
use serde_json::Value;

/// A node's handle of the log. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    writer: Writer,
    pool: Pool,
    wakeups: Wakeups,
}

impl Log {
    /// Starts a node's writer and listener. Each batch that this node commits comes out of the [`CommitFeed`].
    ///
    /// # Errors
    /// PostgreSQL cannot be reached, or refuses to be written to.
    pub async fn open(url: &str, pool: Pool, shutdown: &Shutdown) -> Result<(Self, CommitFeed), AttemptError> {
        let (writer, commits) = task::start(ReconnectingAppender::open(url).await?, shutdown);
        let wakeups = listener::start(url.to_owned(), shutdown);
        shutdown.spawn(partitions::keep_extended(pool.clone()));
        Ok((Self { writer, pool, wakeups }, commits))
    }

    /// Appends one event whose sender must be a member of its conversation.
    ///
    /// # Errors
    /// [`WriteError`]: nothing is appended, but for [`WriteError::Unresolved`].
    ///
    /// # Cancel safety
    /// The event is appended whole or not at all.
    pub async fn send(&self, event: NewEvent) -> Result<SendOutcome, WriteError> {
        self.writer.send(event).await
    }

    /// Applies a change under the log's lock, in one transaction with its events: several round trips, during which all
    /// other writers wait. What is done often is a [`FunctionChange`].
    ///
    /// # Errors
    /// [`ChangeError`]: nothing is changed, but for [`WriteError::Unresolved`].
    ///
    /// # Cancel safety
    /// The change is applied whole or not at all.
    pub async fn change<C: Change>(&self, change: C) -> Result<ChangeOutcome<C::Output>, ChangeError<C::Rejection>> {
        self.writer.change(change).await
    }

    /// Lets a SQL function decide and make a change, in one round trip under the log's lock.
    ///
    /// # Errors
    /// [`ChangeError`]: nothing is changed, but for [`WriteError::Unresolved`].
    ///
    /// # Cancel safety
    /// The change is made whole or not at all.
    pub async fn change_by_function(
        &self,
        change: FunctionChange,
    ) -> Result<ChangeOutcome<Value>, ChangeError<FunctionRejection>> {
        self.writer.change_by_function(change).await
    }

    /// The last position that this node has committed, if it has committed any.
    pub fn committed(&self) -> Option<Cursor> {
        self.writer.committed()
    }

    /// Whether this node can still write: not after its writer has ended, which only a panic in it or a shutdown does.
    pub fn is_writing(&self) -> bool {
        self.writer.is_running()
    }

    /// How many writes of this node wait for the log.
    pub fn queued(&self) -> usize {
        self.writer.queued()
    }

    /// The connections to read with.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What wakes those who follow the log.
    pub fn wakeups(&self) -> &Wakeups {
        &self.wakeups
    }
}
