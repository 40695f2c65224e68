//! The one place of a node that writes to the log: takes all that waits, appends it, and then answers.

use super::Cursor;
use super::batch::{Batch, Gathered, Outcome};
use super::change::{Change, ChangeError, Changed, Pending, Settled, Waiting};
use super::event::{Event, NewEvent};
use super::handing::{self, Committed, Handed, Handing};
use crate::ids::{Epoch, Position};
use crate::shutdown::Shutdown;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Writes that may wait: a second's worth of single appends. What is above it is told to come back.
const QUEUE: usize = 8_192;
/// How long a caller waits before it is told that its outcome is not known yet.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pauses between attempts, jittered: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// What the caller of [`super::Log::send`] learns.
#[derive(Clone, Debug)]
pub enum Receipt {
    /// The event stands in the log since now.
    Now(Arc<Event>),
    /// The same request was written before; its event stands here.
    Before(Position),
}

/// Why a write did not come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    #[error("the id was used for another request")]
    Reused,
    #[error("the id is somebody else's")]
    Taken,
    #[error("the sender is not a member")]
    NotMember,
    #[error("too many writes wait")]
    Busy,
    /// It may still be appended, or has been: only a repeat under the same id tells.
    #[error("the outcome is not known yet")]
    Unresolved,
    #[error("PostgreSQL refused the write")]
    Failed,
}

/// Why an attempt did not end in a commit.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It may have been committed, or may still be.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// It was not, and will not be: PostgreSQL cannot write now.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It was not, and another attempt would end the same.
    #[error("refused: {0}")]
    Refused(String),
}

/// The step that the writer repeats: an attempt on PostgreSQL.
pub trait Step: Send + 'static {
    /// Appends events in one transaction.
    fn append(&mut self, events: &[&NewEvent]) -> impl Future<Output = Result<Batch, Failure>> + Send;
    /// Applies one change in one transaction.
    fn change(&mut self, change: &mut dyn Pending) -> impl Future<Output = Result<(Settled, Epoch), Failure>> + Send;
}

/// A send in the queue.
pub struct Sending {
    pub event: NewEvent,
    pub reply: oneshot::Sender<Result<Receipt, WriteError>>,
}

enum Entry {
    Send(Sending),
    Change(Box<dyn Pending>),
}

/// The writer's door. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    door: mpsc::Sender<Entry>,
    committed: watch::Receiver<Option<Cursor>>,
}

impl Writer {
    pub async fn send(&self, event: NewEvent) -> Result<Receipt, WriteError> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Entry::Send(Sending { event, reply }))?;
        wait(answer).await?
    }

    pub async fn change<C: Change>(&self, change: C) -> Result<Changed<C::Done>, ChangeError<C::Refusal>> {
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting { change, answer: None, reply };
        self.enqueue(Entry::Change(Box::new(waiting))).map_err(ChangeError::Write)?;
        wait(answer).await.map_err(ChangeError::Write)?
    }

    /// The last position that this node has committed, if it has committed any.
    pub fn committed(&self) -> Option<Cursor> {
        *self.committed.borrow()
    }

    pub fn queued(&self) -> usize {
        self.door.max_capacity() - self.door.capacity()
    }

    fn enqueue(&self, entry: Entry) -> Result<(), WriteError> {
        self.door.try_send(entry).map_err(|_| WriteError::Busy)
    }
}

async fn wait<T>(answer: oneshot::Receiver<T>) -> Result<T, WriteError> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(WriteError::Unresolved),
    }
}

/// Starts the writer; it ends when its last door is dropped.
pub fn start<S: Step>(step: S, shutdown: &Shutdown) -> (Writer, Handed) {
    let (door, queue) = mpsc::channel(QUEUE);
    let (handing, handed) = handing::channel();
    let last = watch::Sender::new(None);
    let committed = last.subscribe();
    shutdown.finish(Loop { step, queue, next: None, handing, last }.run());
    (Writer { door, committed }, handed)
}

struct Loop<S> {
    step: S,
    queue: mpsc::Receiver<Entry>,
    /// What ended the last batch.
    next: Option<Entry>,
    handing: Handing,
    last: watch::Sender<Option<Cursor>>,
}

impl<S: Step> Loop<S> {
    async fn run(mut self) {
        loop {
            let entry = match self.next.take() {
                Some(entry) => entry,
                None => match self.queue.recv().await {
                    Some(entry) => entry,
                    None => return,
                },
            };
            match entry {
                Entry::Send(send) => {
                    let batch = self.gather(send);
                    self.append(batch, Attempts::default()).await;
                }
                Entry::Change(change) => self.change(change).await,
            }
        }
    }

    /// Takes all that waits, up to the first entry that must come after this batch.
    fn gather(&mut self, first: Sending) -> Gathered {
        let mut batch = Gathered::default();
        let mut entry = Entry::Send(first);
        loop {
            match entry {
                Entry::Send(send) if send.reply.is_closed() => {}
                Entry::Send(send) if batch.takes(&send) => batch.add(send),
                Entry::Send(_) | Entry::Change(_) => {
                    self.next = Some(entry);
                    return batch;
                }
            }
            match self.queue.try_recv() {
                Ok(more) => entry = more,
                Err(_) => return batch,
            }
        }
    }

    /// Appends a batch, again and again while its outcome is unknown.
    async fn append(&mut self, batch: Gathered, mut attempts: Attempts) {
        while !batch.sends.is_empty() {
            self.handing.begin();
            let appended = self.step.append(&batch.events()).await;
            if appended.is_err() {
                self.handing.end();
            }
            match appended {
                Ok(done) => return self.answer(batch, done),
                Err(Failure::Refused(cause)) if batch.sends.len() == 1 => {
                    tracing::error!(cause, "PostgreSQL refused an event");
                    return batch.sends.into_iter().for_each(|send| reply(send.reply, Err(attempts.refused())));
                }
                // One bad event must fail alone.
                Err(Failure::Refused(_)) => {
                    for send in batch.sends {
                        let mut single = Gathered::default();
                        single.add(send);
                        Box::pin(self.append(single, attempts.clone())).await;
                    }
                    return;
                }
                Err(failure) => {
                    let abandoned = batch.sends.iter().all(|send| send.reply.is_closed());
                    if attempts.give_up(&failure, abandoned) {
                        return;
                    }
                    attempts.pause().await;
                }
            }
        }
    }

    fn answer(&self, batch: Gathered, done: Batch) {
        let mut events = Vec::with_capacity(batch.sends.len());
        let mut replies = Vec::with_capacity(batch.sends.len());
        for (send, outcome) in batch.sends.into_iter().zip(done.outcomes) {
            let answer = match outcome {
                Outcome::Appended(position) => {
                    let event = Arc::new(send.event.placed(position, done.epoch, done.created_at));
                    events.push(event.clone());
                    Ok(Receipt::Now(event))
                }
                Outcome::Known(position) => Ok(Receipt::Before(position)),
                Outcome::Reused => Err(WriteError::Reused),
                Outcome::Taken => Err(WriteError::Taken),
                Outcome::NotMember => Err(WriteError::NotMember),
            };
            replies.push((send.reply, answer));
        }
        // First this: who is answered, and then asks this node, finds the event on its way.
        self.hand_over(done.epoch, events);
        self.handing.end();
        replies.into_iter().for_each(|(to, answer)| reply(to, answer));
    }

    /// Applies a change, again and again while its outcome is unknown.
    async fn change(&mut self, mut change: Box<dyn Pending>) {
        let mut attempts = Attempts::default();
        while attempts.unknown || !change.is_abandoned() {
            self.handing.begin();
            let changed = self.step.change(change.as_mut()).await;
            if let Ok((Settled::Now(events), epoch)) = &changed {
                self.hand_over(*epoch, events.clone());
            }
            self.handing.end();
            match changed {
                Ok((settled, _)) => return change.finish(Ok(settled)),
                Err(Failure::Refused(cause)) => {
                    tracing::error!(cause, "PostgreSQL refused a change");
                    return change.finish(Err(attempts.refused()));
                }
                Err(failure) => {
                    if attempts.give_up(&failure, change.is_abandoned()) {
                        return;
                    }
                    attempts.pause().await;
                }
            }
        }
    }

    fn hand_over(&self, epoch: Epoch, events: Vec<Arc<Event>>) {
        if let Some(last) = events.last() {
            self.last.send_replace(Some(Cursor { epoch, position: last.position }));
            self.handing.put(Committed { epoch, events });
        }
    }
}

fn reply<T>(to: oneshot::Sender<T>, answer: T) {
    // The caller may have given up.
    let _ = to.send(answer);
}

/// The attempts at one batch.
#[derive(Clone)]
struct Attempts {
    /// Whether an earlier attempt may have been committed, or may still be.
    unknown: bool,
    pause: Duration,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { unknown: false, pause: PAUSE.0 }
    }
}

impl Attempts {
    /// Whether the batch may be forgotten: nobody waits for it, and no attempt can have gone through.
    fn give_up(&mut self, failure: &Failure, abandoned: bool) -> bool {
        tracing::warn!(%failure, "append failed");
        self.unknown |= matches!(failure, Failure::Unknown(_));
        abandoned && !self.unknown
    }

    /// What a refusal says: nothing of an earlier attempt, which may have gone through.
    fn refused(&self) -> WriteError {
        if self.unknown { WriteError::Unresolved } else { WriteError::Failed }
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.pause = (self.pause * 2).min(PAUSE.1);
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
