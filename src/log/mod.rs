//! The append-only log: one order of all that happens, kept in PostgreSQL.
//!
//! Invariants: positions are gapless and in commit order; an event never changes; every write has an id, under which
//! it happens at most once; nobody is answered before the last ReadyForQuery.
//!
//! Lifecycle: [`Log::open`] starts one [`writer`] and one [`listener`] for each node; they end with the server. `domain`
//! writes through [`Log::send`] and [`Log::change`], `delivery` reads through [`read`] and is woken by
//! [`Wakeups`]. Only this folder looks inside a [`Cursor`] or knows that there is one log.

mod append;
mod batch;
mod change;
mod cursor;
pub mod epoch;
mod event;
mod handing;
pub mod history;
pub mod inbox;
mod listener;
pub mod read;
pub mod retention;
mod session;
pub mod statistics;
pub mod texts;
pub mod versions;
mod writer;

pub use change::{Applying, Change, ChangeError, Changed, Locked, Stop};
pub use cursor::Cursor;
pub use event::{Event, Key, NewEvent, Payload};
pub use handing::{Committed, Handed};
#[cfg(test)]
pub use handing::{Handing, channel as handing};
pub use listener::{LIVE as LIVE_CHANNEL, SESSIONS as SESSIONS_CHANNEL, Wakeups};
pub use session::new_epoch;
pub use writer::{Failure, Receipt, WriteError};

use crate::shutdown::Shutdown;
use crate::store::{Pool, StoreError};

/// A node's handle of the log. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    writer: writer::Writer,
    pool: Pool,
    wakeups: Wakeups,
}

impl Log {
    /// Starts a node's writer and listener. Each batch that this node commits is handed over.
    ///
    /// # Errors
    /// PostgreSQL cannot be reached, or refuses to be written to.
    pub async fn open(url: &str, pool: Pool, shutdown: &Shutdown) -> Result<(Self, Handed), Failure> {
        let (writer, committed) = writer::start(session::Reconnecting::open(url).await?, shutdown);
        let wakeups = listener::start(url.to_owned(), shutdown);
        shutdown.spawn(keep_extended(pool.clone()));
        Ok((Self { writer, pool, wakeups }, committed))
    }

    /// Appends one event whose sender must be a member of its conversation.
    ///
    /// # Errors
    /// [`WriteError`]: nothing is appended, but for [`WriteError::Unresolved`].
    ///
    /// # Cancel safety
    /// The event is appended whole or not at all.
    pub async fn send(&self, event: NewEvent) -> Result<Receipt, WriteError> {
        self.writer.send(event).await
    }

    /// Applies a change under the log's lock, in one transaction with its events.
    ///
    /// # Errors
    /// [`ChangeError`]: nothing is changed, but for [`WriteError::Unresolved`].
    ///
    /// # Cancel safety
    /// The change is applied whole or not at all.
    pub async fn change<C: Change>(&self, change: C) -> Result<Changed<C::Done>, ChangeError<C::Refusal>> {
        self.writer.change(change).await
    }

    /// The last position that this node has committed, if it has committed any.
    pub fn committed(&self) -> Option<Cursor> {
        self.writer.committed()
    }

    /// How many writes of this node wait for the log.
    pub fn queued(&self) -> usize {
        self.writer.queued()
    }

    /// The connections to read with.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What wakes those who wait for news.
    pub fn wakeups(&self) -> &Wakeups {
        &self.wakeups
    }
}

/// Makes partitions ahead of the head. A full width fills in five seconds only beyond what one primary takes.
async fn keep_extended(pool: Pool) {
    loop {
        if let Err(error) = extend(&pool).await {
            tracing::warn!(%error, "cannot make partitions ahead");
        }
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    }
}

async fn extend(pool: &Pool) -> Result<(), StoreError> {
    use diesel_async::SimpleAsyncConnection;
    pool.get().await?.batch_execute("SELECT log_extend()").await?;
    Ok(())
}
