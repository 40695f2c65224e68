use crate::ids::Position;
use crate::log::event::{Event, NewEvent, WriteKey};
use crate::log::writer::capacity::QueueShare;
use crate::log::writer::error::{AttemptFault, WriteError};
use crate::store::{Connection, Time};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A change that is decided in Rust while the log's lock is held.
pub trait Change: Send + Sync + 'static {
    /// What the caller gets when it was applied.
    type Output: Send + 'static;
    /// Why it may not be applied.
    type Rejection: Send + 'static;

    /// The id of the write. One of its events must carry it.
    fn key(&self) -> &WriteKey;

    /// Bytes of memory that it holds while it waits. A change that carries a text or a list must count them.
    fn size_bytes(&self) -> usize {
        size_of_val(self)
    }

    /// Checks the rules, writes rows, and returns the events, the first of which will stand at `locked.next`. Without events,
    /// nothing had to change. It runs again, from the start, when an attempt failed or its outcome is unknown.
    fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
        locked: LockedHead,
    ) -> ChangeFuture<'a, Self::Output, Self::Rejection>;
}

/// What [`Change::apply`] returns.
pub type ChangeFuture<'a, Output, Rejection> = BoxFuture<'a, Result<(Vec<NewEvent>, Output), ApplyError<Rejection>>>;

/// The end of the log while its lock is held.
#[derive(Clone, Copy, Debug)]
pub struct LockedHead {
    /// Where the next event will stand.
    pub next: Position,
    /// The time of this change.
    pub now: Time,
}

/// Why [`Change::apply`] ended early.
#[derive(Debug)]
pub enum ApplyError<Rejection> {
    Rejected(Rejection),
    Database(diesel::result::Error),
}

impl<Rejection> From<diesel::result::Error> for ApplyError<Rejection> {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

/// The result of a change that was not rejected.
#[derive(Debug)]
pub enum ChangeOutcome<Output> {
    /// Applied by this call, with these events.
    Applied(Output, Vec<Arc<Event>>),
    /// Applied by an earlier call under the same id. The event that has the id stands at this position.
    Replayed(Position),
}

/// Why a change was not applied.
#[derive(Debug)]
pub enum ChangeError<Rejection> {
    Rejected(Rejection),
    Write(WriteError),
}

impl<Rejection> ChangeError<Rejection> {
    /// Converts a rejection into an error of the caller's.
    pub fn map<Meaning>(self, meaning: impl FnOnce(Rejection) -> Meaning) -> ChangeError<Meaning> {
        match self {
            Self::Rejected(rejection) => ChangeError::Rejected(meaning(rejection)),
            Self::Write(error) => ChangeError::Write(error),
        }
    }
}

/// A change in the writer's queue, with its types erased.
pub trait ErasedChange: Send {
    fn key(&self) -> &WriteKey;
    fn is_abandoned(&self) -> bool;
    /// Runs [`Change::apply`] and keeps what it answered; `None`: it was rejected.
    fn apply<'a>(
        &'a mut self,
        connection: &'a mut Connection,
        locked: LockedHead,
    ) -> BoxFuture<'a, Result<Option<Vec<NewEvent>>, AttemptFault>>;
    /// Keeps the events of this attempt, which are about to be committed.
    fn stage(&mut self, events: &[Arc<Event>]);
    /// The events of the last attempt, if one of them stands at `position`.
    fn staged_at(&self, position: Position) -> Option<Vec<Arc<Event>>>;
    /// Answers the caller.
    fn finish(self: Box<Self>, outcome: Result<ApplyOutcome, WriteError>);
}

/// The result of the last attempt at a change.
#[derive(Debug)]
pub enum ApplyOutcome {
    /// Applied by this attempt.
    Applied(Vec<Arc<Event>>),
    /// Applied by an earlier attempt of the same call, whose answer was lost.
    Recovered(Vec<Arc<Event>>),
    /// Applied by an earlier request; its event stands at this position.
    Replayed(Position),
    Rejected,
    Reused,
    Taken,
}

type ChangeReply<C> = Result<ChangeOutcome<<C as Change>::Output>, ChangeError<<C as Change>::Rejection>>;

/// A [`Change`] in the queue, with where its answer goes.
pub struct QueuedChange<C: Change> {
    pub change: C,
    pub _share: QueueShare,
    /// What the last attempt answered.
    pub answer: Option<Result<C::Output, C::Rejection>>,
    /// What the last attempt was about to commit.
    pub staged: Vec<Arc<Event>>,
    pub reply: oneshot::Sender<ChangeReply<C>>,
}

impl<C: Change> ErasedChange for QueuedChange<C> {
    fn key(&self) -> &WriteKey {
        self.change.key()
    }

    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn apply<'a>(
        &'a mut self,
        connection: &'a mut Connection,
        locked: LockedHead,
    ) -> BoxFuture<'a, Result<Option<Vec<NewEvent>>, AttemptFault>> {
        self.staged.clear();
        Box::pin(async move {
            // A panic must fail this change alone, and not the task that writes for the whole node.
            let applied = AssertUnwindSafe(async { self.change.apply(connection, locked).await }).catch_unwind().await;
            match applied {
                Ok(Ok((events, output))) => {
                    self.answer = Some(Ok(output));
                    Ok(Some(events))
                }
                Ok(Err(ApplyError::Rejected(rejection))) => {
                    self.answer = Some(Err(rejection));
                    Ok(None)
                }
                Ok(Err(ApplyError::Database(error))) => Err(error.into()),
                Err(_) => Err(AttemptFault::Panicked),
            }
        })
    }

    fn stage(&mut self, events: &[Arc<Event>]) {
        self.staged = events.to_vec();
    }

    fn staged_at(&self, position: Position) -> Option<Vec<Arc<Event>>> {
        self.staged.iter().any(|event| event.position == position).then(|| self.staged.clone())
    }

    fn finish(self: Box<Self>, outcome: Result<ApplyOutcome, WriteError>) {
        let reply = match (outcome, self.answer) {
            (Ok(ApplyOutcome::Applied(events) | ApplyOutcome::Recovered(events)), Some(Ok(output))) => {
                Ok(ChangeOutcome::Applied(output, events))
            }
            (Ok(ApplyOutcome::Replayed(position)), _) => Ok(ChangeOutcome::Replayed(position)),
            (Ok(ApplyOutcome::Rejected), Some(Err(rejection))) => Err(ChangeError::Rejected(rejection)),
            (Ok(ApplyOutcome::Reused), _) => Err(ChangeError::Write(WriteError::Reused)),
            (Ok(ApplyOutcome::Taken), _) => Err(ChangeError::Write(WriteError::Taken)),
            (Err(error), _) => Err(ChangeError::Write(error)),
            (Ok(ApplyOutcome::Applied(_) | ApplyOutcome::Recovered(_) | ApplyOutcome::Rejected), _) => {
                Err(ChangeError::Write(WriteError::Failed))
            }
        };
        // The caller may have given up.
        let _ = self.reply.send(reply);
    }
}
