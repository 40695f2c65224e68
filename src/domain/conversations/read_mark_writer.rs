//! Read marks: how far each member has read.
//!
//! Marks are written together, in one transaction with their events: all that wait while the last ones are written. Who
//! marks the same conversation again within [`MARK_INTERVAL`] is answered then, with the furthest of the marks, so that a reader
//! of a busy conversation makes one event a second, and not one for each message. In large conversations, only the reader
//! gets the event.

use crate::domain::change_event::change_payload;
use crate::domain::error::Error;
use crate::domain::idempotency::request::fresh_key;
use crate::ids::{ConversationId, Position, UserId};
use crate::log::epoch::{self, EpochHistory};
use crate::log::{EventPayload, FunctionChange, Log};
use crate::store::read_marks::ReadMark;
use crate::store::users::UserRow;
use crate::wire::ReadData;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How often a member's mark of one conversation is written at most.
const MARK_INTERVAL: Duration = Duration::from_secs(1);
/// Members of a conversation above which marks are their reader's alone.
pub const MAX_MEMBERS_FOR_SHARED_MARKS: i64 = 50;
/// Marks that may wait. What is above it is told to come back.
const MAX_QUEUED_MARKS: usize = 8_192;
/// Marks that are written at once.
const MARK_BATCH: usize = 1_000;

/// The door to the task that writes a node's marks. Cheap to clone.
#[derive(Clone)]
pub struct ReadMarkWriter(mpsc::Sender<MarkRequest>);

type MarkReply = oneshot::Sender<Result<(), Error>>;
type MarkKey = (UserId, ConversationId);

struct MarkRequest {
    user: Arc<UserRow>,
    conversation: ConversationId,
    read: Position,
    reply: MarkReply,
}

/// A mark that waits for its turn.
struct PendingMark {
    user: Arc<UserRow>,
    read: Position,
    due: Instant,
    replies: Vec<MarkReply>,
}

impl ReadMarkWriter {
    /// Starts the task; it ends when the last door is dropped.
    pub fn start(log: Log) -> Self {
        let (door, requests) = mpsc::channel(MAX_QUEUED_MARKS);
        tokio::spawn(WriteLoop { log, requests, pending: HashMap::new(), waiting: 0, written: HashMap::new() }.run());
        Self(door)
    }

    pub async fn mark(&self, user: Arc<UserRow>, conversation: ConversationId, read: Position) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(MarkRequest { user, conversation, read, reply }).map_err(|_| Error::Busy)?;
        answer.await.unwrap_or(Err(Error::Unresolved))
    }
}

struct WriteLoop {
    log: Log,
    requests: mpsc::Receiver<MarkRequest>,
    pending: HashMap<MarkKey, PendingMark>,
    /// Callers who wait in it.
    waiting: usize,
    /// When the marks of the last moment were written.
    written: HashMap<MarkKey, Instant>,
}

impl WriteLoop {
    async fn run(mut self) {
        let mut come = Vec::new();
        loop {
            let next = self.pending.values().map(|pending| pending.due).min();
            let due = async {
                match next {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                count = self.requests.recv_many(&mut come, MARK_BATCH) => {
                    if count == 0 && self.pending.is_empty() {
                        return;
                    }
                    come.drain(..).for_each(|request| self.hold(request));
                }
                () = due => {}
            }
            self.write_what_is_due().await;
        }
    }

    fn hold(&mut self, request: MarkRequest) {
        if self.waiting >= MAX_QUEUED_MARKS {
            // Who asked may have given up.
            return drop(request.reply.send(Err(Error::Busy)));
        }
        self.waiting += 1;
        let place = (request.user.id, request.conversation);
        let due = self.written.get(&place).map_or_else(Instant::now, |written| *written + MARK_INTERVAL);
        let pending = self.pending.entry(place).or_insert_with(|| PendingMark {
            user: request.user,
            read: Position::ZERO,
            due,
            replies: Vec::new(),
        });
        pending.read = pending.read.max(request.read);
        pending.replies.push(request.reply);
    }

    async fn write_what_is_due(&mut self) {
        let now = Instant::now();
        self.written.retain(|_, written| now < *written + MARK_INTERVAL);
        let due: Vec<_> = self.pending.extract_if(|_, pending| pending.due <= now).take(MARK_BATCH).collect();
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
        let written = write(&self.log, &marks).await;
        for reply in replies {
            // Who asked may have given up.
            let _ = reply.send(match &written {
                Ok(_) => Ok(()),
                Err(_) => Err(Error::Unresolved),
            });
        }
    }
}

/// Writes marks, each of another user or conversation, with their events.
async fn write(log: &Log, marks: &[(Arc<UserRow>, ReadMark)]) -> Result<(), Error> {
    let Some((first, _)) = marks.first() else { return Ok(()) };
    let known = log.committed().map_or(Position::ZERO, |cursor| cursor.position);
    let epochs = epoch::load(&mut *log.pool().get().await?, known).await?;
    let places = marks
        .iter()
        .map(|(_, mark)| json!({"conversation": mark.conversation, "reader": mark.user, "read": mark.read.0}));
    let change = FunctionChange {
        key: fresh_key(first.id),
        function: "change_read_marks",
        arguments: json!({"marks": places.collect::<Vec<_>>(), "max_told": MAX_MEMBERS_FOR_SHARED_MARKS}),
        payloads: marks.iter().map(|(user, mark)| payload(user, *mark, &epochs)).collect(),
    };
    log.change_by_function(change).await.map_err(|error| error.map(Error::from))?;
    Ok(())
}

fn payload(user: &UserRow, mark: ReadMark, epochs: &EpochHistory) -> EventPayload {
    let data = ReadData { user: user.clone().into(), read: epochs.cursor_at(mark.read).to_string() };
    change_payload(user, &data, Vec::new())
}
