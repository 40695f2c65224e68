use super::capacity::{QueueCapacity, QueueShare};
use super::changes::change::{Change, ChangeError, ChangeOutcome, QueuedChange};
use super::changes::function::{FunctionChange, FunctionRejection, QueuedFunction};
use super::changes::pending::PendingChange;
use super::error::WriteError;
use crate::ids::Position;
use crate::log::cursor::Cursor;
use crate::log::event::{Event, NewEvent};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Writes that may wait: a second's worth of single appends. Further ones are refused as [`WriteError::Busy`].
pub(super) const MAX_QUEUED_WRITES: usize = 8_192;
/// How long a caller waits before it is told that its outcome is not known yet.
pub(super) const CALLER_TIMEOUT: Duration = Duration::from_secs(10);

/// What the caller of [`Writer::send`] learns.
#[derive(Clone, Debug)]
pub enum SendOutcome {
    /// The event was appended by this call.
    Appended(Arc<Event>),
    /// The event was appended by this call, in an attempt whose answer was lost; it stands here.
    Recovered(Position),
    /// The same request was written before; its event stands here.
    Replayed(Position),
}

/// A send in the queue.
pub struct QueuedSend {
    pub event: NewEvent,
    pub _share: QueueShare,
    pub reply: oneshot::Sender<Result<SendOutcome, WriteError>>,
}

/// A write in the queue.
pub enum QueueEntry {
    Send(QueuedSend),
    Change(PendingChange),
}

/// The callers' end of the writer's queue. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<QueueEntry>,
    pub(super) capacity: QueueCapacity,
    committed: watch::Receiver<Option<Cursor>>,
}

impl Writer {
    /// Makes a queue: the callers' end, and the one that the writer's task reads. `committed` is where the task tells
    /// what it has committed.
    pub fn new(committed: watch::Receiver<Option<Cursor>>) -> (Self, mpsc::Receiver<QueueEntry>) {
        let (queue, entries) = mpsc::channel(MAX_QUEUED_WRITES);
        (Self { queue, capacity: QueueCapacity::default(), committed }, entries)
    }

    /// See [`crate::log::Log::send`].
    pub async fn send(&self, event: NewEvent) -> Result<SendOutcome, WriteError> {
        let (reply, answer) = oneshot::channel();
        let share = self.capacity.reserve(event.size_bytes())?;
        self.enqueue(QueueEntry::Send(QueuedSend { event, _share: share, reply }))?;
        wait(answer).await?
    }

    /// See [`crate::log::Log::change`].
    pub async fn change<C: Change>(&self, change: C) -> Result<ChangeOutcome<C::Output>, ChangeError<C::Rejection>> {
        let (reply, answer) = oneshot::channel();
        let share = self.capacity.reserve(change.size_bytes()).map_err(ChangeError::Write)?;
        let queued = QueuedChange { change, _share: share, answer: None, staged: Vec::new(), reply };
        self.enqueue(QueueEntry::Change(PendingChange::Transaction(Box::new(queued)))).map_err(ChangeError::Write)?;
        wait(answer).await.map_err(ChangeError::Write)?
    }

    /// See [`crate::log::Log::change_by_function`].
    pub async fn change_by_function(
        &self,
        change: FunctionChange,
    ) -> Result<ChangeOutcome<Value>, ChangeError<FunctionRejection>> {
        let (reply, answer) = oneshot::channel();
        let share = self.capacity.reserve(change.size_bytes()).map_err(ChangeError::Write)?;
        let queued = QueuedFunction { change, _share: share, answer: None, reply };
        let entry = QueueEntry::Change(PendingChange::Function(Box::new(queued)));
        self.enqueue(entry).map_err(ChangeError::Write)?;
        wait(answer).await.map_err(ChangeError::Write)?
    }

    /// The last position that this node has committed, if it has committed any.
    pub fn committed(&self) -> Option<Cursor> {
        *self.committed.borrow()
    }

    /// How many writes wait.
    pub fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Whether the writer's task runs. When it has ended, every write is refused as [`WriteError::Busy`].
    pub fn is_running(&self) -> bool {
        !self.queue.is_closed()
    }

    pub(super) fn enqueue(&self, entry: QueueEntry) -> Result<(), WriteError> {
        self.queue.try_send(entry).map_err(|_| WriteError::Busy)
    }
}

async fn wait<T>(answer: oneshot::Receiver<T>) -> Result<T, WriteError> {
    match tokio::time::timeout(CALLER_TIMEOUT, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(WriteError::Unresolved),
    }
}
