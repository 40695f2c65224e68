use super::event::{Event, Key, NewEvent};
use super::writer::WriteError;
use crate::ids::Position;
use crate::store::{Connection, Time};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A write that decides under the log's lock: what changes members or conversations.
pub trait Change: Send + Sync + 'static {
    /// What the caller learns when it was applied.
    type Done: Send + 'static;
    /// Why it may not be applied.
    type Refusal: Send + 'static;

    /// The id of the write. One of its events must carry it.
    fn key(&self) -> &Key;

    /// Checks, writes rows, and answers the events, the first of which will stand at `locked.next`. No events: nothing
    /// had to change. It runs again, from the start, when the outcome of an attempt is unknown.
    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: Locked) -> Applying<'a, Self::Done, Self::Refusal>;
}

/// What [`Change::apply`] answers.
pub type Applying<'a, Done, Refusal> = BoxFuture<'a, Result<(Vec<NewEvent>, Done), Stop<Refusal>>>;

/// What is known while the lock is held.
#[derive(Clone, Copy, Debug)]
pub struct Locked {
    /// Where the next event will stand.
    pub next: Position,
    /// The time of this change.
    pub now: Time,
}

/// Why [`Change::apply`] ended early.
#[derive(Debug)]
pub enum Stop<Refusal> {
    Refused(Refusal),
    Failed(diesel::result::Error),
}

impl<Refusal> From<diesel::result::Error> for Stop<Refusal> {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error)
    }
}

/// A change that came through.
#[derive(Debug)]
pub enum Changed<Done> {
    /// Now, with these events.
    Now(Done, Vec<Arc<Event>>),
    /// Before, under the same id; its event stands here.
    Before(Position),
}

/// A change that did not come through.
#[derive(Debug)]
pub enum ChangeError<Refusal> {
    Refused(Refusal),
    Write(WriteError),
}

/// A change in the writer's queue, with its types erased.
pub(super) trait Pending: Send {
    fn key(&self) -> &Key;
    fn is_abandoned(&self) -> bool;
    /// Runs [`Change::apply`] and keeps what it answered; `None`: refused.
    fn apply<'a>(
        &'a mut self,
        connection: &'a mut Connection,
        locked: Locked,
    ) -> BoxFuture<'a, Result<Option<Vec<NewEvent>>, diesel::result::Error>>;
    /// Answers the caller.
    fn finish(self: Box<Self>, settled: Result<Settled, WriteError>);
}

/// How a change ended.
#[derive(Debug)]
pub(super) enum Settled {
    Now(Vec<Arc<Event>>),
    Before(Position),
    Refused,
    Reused,
    Taken,
}

pub(super) type Reply<C> = Result<Changed<<C as Change>::Done>, ChangeError<<C as Change>::Refusal>>;

/// A [`Change`] with the one who waits for it.
pub(super) struct Waiting<C: Change> {
    pub change: C,
    pub answer: Option<Result<C::Done, C::Refusal>>,
    pub reply: oneshot::Sender<Reply<C>>,
}

impl<C: Change> Pending for Waiting<C> {
    fn key(&self) -> &Key {
        self.change.key()
    }

    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn apply<'a>(
        &'a mut self,
        connection: &'a mut Connection,
        locked: Locked,
    ) -> BoxFuture<'a, Result<Option<Vec<NewEvent>>, diesel::result::Error>> {
        Box::pin(async move {
            match self.change.apply(connection, locked).await {
                Ok((events, done)) => {
                    self.answer = Some(Ok(done));
                    Ok(Some(events))
                }
                Err(Stop::Refused(refusal)) => {
                    self.answer = Some(Err(refusal));
                    Ok(None)
                }
                Err(Stop::Failed(error)) => Err(error),
            }
        })
    }

    fn finish(self: Box<Self>, settled: Result<Settled, WriteError>) {
        let reply = match (settled, self.answer) {
            (Ok(Settled::Now(events)), Some(Ok(done))) => Ok(Changed::Now(done, events)),
            (Ok(Settled::Before(position)), _) => Ok(Changed::Before(position)),
            (Ok(Settled::Refused), Some(Err(refusal))) => Err(ChangeError::Refused(refusal)),
            (Ok(Settled::Reused), _) => Err(ChangeError::Write(WriteError::Reused)),
            (Ok(Settled::Taken), _) => Err(ChangeError::Write(WriteError::Taken)),
            (Err(error), _) => Err(ChangeError::Write(error)),
            (Ok(Settled::Now(_) | Settled::Refused), _) => Err(ChangeError::Write(WriteError::Failed)),
        };
        // The caller may have given up.
        let _ = self.reply.send(reply);
    }
}
