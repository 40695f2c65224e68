//! Read marks that wait to be written.
//!
//! All marks that arrive while a batch is written make up the next batch. When a user marks the same conversation again
//! within [`MARK_INTERVAL`], only the furthest of those marks is written, after the interval; all of them are answered then.
//! So a reader of a busy conversation makes one event a second, and not one for each message. The write itself is a parameter, so that the
//! queue is tested without a database.

use crate::domain::error::Error;
use crate::ids::{ConversationId, Position, UserId};
use crate::log::WriteError;
use crate::store::read_marks::ReadMark;
use crate::store::users::UserRow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// The shortest time between two writes of a member's mark of one conversation.
const MARK_INTERVAL: Duration = Duration::from_secs(1);
/// Marks that may wait. Further ones are answered with [`Error::Busy`].
const MAX_QUEUED_MARKS: usize = 8_192;
/// Marks that are written in one transaction.
const MAX_MARKS_PER_BATCH: usize = 1_000;

/// A mark to be written, with the user whose mark it is.
pub type MarkOfUser = (Arc<UserRow>, ReadMark);

type MarkReply = oneshot::Sender<Result<(), Error>>;
type MarkKey = (UserId, ConversationId);

/// A handle of the task that writes a node's marks. Cheap to clone.
#[derive(Clone)]
pub struct ReadMarkQueue(mpsc::Sender<MarkRequest>);

struct MarkRequest {
    user: Arc<UserRow>,
    conversation: ConversationId,
    read: Position,
    reply: MarkReply,
}

impl ReadMarkQueue {
    /// Starts a task that writes batches with `write`. It ends when the last handle is dropped and all marks are
    /// written.
    pub fn start<W, F>(write: W) -> Self
    where
        W: FnMut(Vec<MarkOfUser>) -> F + Send + 'static,
        F: Future<Output = Result<(), WriteError>> + Send + 'static,
    {
        let (queue, run) = Self::new(write);
        tokio::spawn(run);
        queue
    }

    fn new<W, F>(write: W) -> (Self, impl Future<Output = ()>)
    where
        W: FnMut(Vec<MarkOfUser>) -> F,
        F: Future<Output = Result<(), WriteError>>,
    {
        let (sender, requests) = mpsc::channel(MAX_QUEUED_MARKS);
        let writing = QueuedMarks { write, requests, pending: HashMap::new(), waiting: 0, written: HashMap::new() };
        (Self(sender), writing.run())
    }

    /// Waits until a mark, or one that is further, is written.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many marks wait, and what the write of the batch answers.
    pub async fn mark(&self, user: Arc<UserRow>, conversation: ConversationId, read: Position) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(MarkRequest { user, conversation, read, reply }).map_err(|_| Error::Busy)?;
        // Without an answer the task has panicked, perhaps while it wrote.
        answer.await.unwrap_or(Err(Error::Unresolved))
    }
}

/// A mark that waits until it is due.
struct PendingMark {
    user: Arc<UserRow>,
    read: Position,
    due: Instant,
    replies: Vec<MarkReply>,
}

struct QueuedMarks<W> {
    write: W,
    requests: mpsc::Receiver<MarkRequest>,
    pending: HashMap<MarkKey, PendingMark>,
    /// Callers who wait in `pending`.
    waiting: usize,
    /// When the marks of the last [`MARK_INTERVAL`] were written.
    written: HashMap<MarkKey, Instant>,
}

impl<W, F> QueuedMarks<W>
where
    W: FnMut(Vec<MarkOfUser>) -> F,
    F: Future<Output = Result<(), WriteError>>,
{
    async fn run(mut self) {
        let mut arrived = Vec::new();
        let mut is_open = true;
        while is_open || !self.pending.is_empty() {
            let next = self.pending.values().map(|pending| pending.due).min();
            let due = async {
                match next {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // A closed channel answers at once, again and again: asked only once, it cannot keep a core busy.
                count = self.requests.recv_many(&mut arrived, MAX_MARKS_PER_BATCH), if is_open => {
                    is_open = count > 0;
                    arrived.drain(..).for_each(|request| self.admit(request));
                }
                () = due => {}
            }
            self.write_due().await;
        }
    }

    fn admit(&mut self, request: MarkRequest) {
        if self.waiting >= MAX_QUEUED_MARKS {
            // The caller may have given up.
            return drop(request.reply.send(Err(Error::Busy)));
        }
        self.waiting += 1;
        let key = (request.user.id, request.conversation);
        let due = self.written.get(&key).map_or_else(Instant::now, |written| *written + MARK_INTERVAL);
        let pending = self.pending.entry(key).or_insert_with(|| PendingMark {
            user: request.user,
            read: Position::ZERO,
            due,
            replies: Vec::new(),
        });
        pending.read = pending.read.max(request.read);
        pending.replies.push(request.reply);
    }

    /// Writes the marks that are due, and answers those who wait for them.
    async fn write_due(&mut self) {
        let now = Instant::now();
        self.written.retain(|_, written| now < *written + MARK_INTERVAL);
        let due: Vec<_> = self.pending.extract_if(|_, pending| pending.due <= now).take(MAX_MARKS_PER_BATCH).collect();
        if due.is_empty() {
            return;
        }
        let mut marks = Vec::with_capacity(due.len());
        let mut replies = Vec::with_capacity(due.len());
        for ((user, conversation), pending) in due {
            self.written.insert((user, conversation), now);
            marks.push((pending.user, ReadMark { conversation, user, read: pending.read }));
            replies.extend(pending.replies);
        }
        self.waiting -= replies.len();
        let written = (self.write)(marks).await;
        for reply in replies {
            // The caller may have given up.
            let _ = reply.send(written.map_err(Error::from));
        }
    }
}

#[cfg(test)]
#[path = "tests/read_mark_queue.rs"]
mod tests;
