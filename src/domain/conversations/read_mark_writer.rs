//! Read marks: how far each member has read.
//!
//! Marks are written together, in one transaction with their events: all that wait while the last ones are written. Who
//! marks the same conversation again within [`MARK_INTERVAL`] is answered then, with the furthest of the marks, so that a reader
//! of a busy conversation makes one event a second, and not one for each message. In large conversations, only the reader
//! gets the event.

use crate::domain::change_event::ChangeEvent;
use crate::domain::error::Error;
use crate::domain::idempotency::request::fresh_key;
use crate::ids::{ConversationId, Position, UserId};
use crate::log::epoch::{self, EpochHistory};
use crate::log::{Change, ChangeFuture, LockedHead, Log, NewEvent, WriteKey};
use crate::store::read_marks::{self, ReadMark};
use crate::store::users::UserRow;
use crate::store::{Connection, EventKind, members};
use crate::wire::ReadData;
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
        let Some((first, _)) = marks.first() else { return };
        let key = fresh_key(first.id);
        let written = self.log.change(ReadMarkAdvance { key, marks }).await;
        for reply in replies {
            // Who asked may have given up.
            let _ = reply.send(match &written {
                Ok(_) => Ok(()),
                Err(_) => Err(Error::Unresolved),
            });
        }
    }
}

/// Writes marks, each place once.
struct ReadMarkAdvance {
    key: WriteKey,
    marks: Vec<(Arc<UserRow>, ReadMark)>,
}

impl Change for ReadMarkAdvance {
    type Output = ();
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn size_bytes(&self) -> usize {
        size_of_val(self) + size_of_val(self.marks.as_slice())
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async move {
            let wanted: Vec<_> = self.marks.iter().map(|(_, mark)| *mark).collect();
            let moved = read_marks::advance(connection, &wanted).await?;
            let mut conversations: Vec<_> = moved.iter().map(|mark| mark.conversation).collect();
            conversations.sort_unstable();
            conversations.dedup();
            let large = members::larger_than(connection, &conversations, MAX_MEMBERS_FOR_SHARED_MARKS).await?;
            let state = epoch::load(connection, locked.next.previous()).await.map_err(Error::from)?;
            let users: HashMap<_, _> = self.marks.iter().map(|(user, _)| (user.id, user)).collect();
            let mut events = Vec::with_capacity(moved.len());
            for mark in moved {
                let Some(user) = users.get(&mark.user) else { continue };
                let key = if events.is_empty() { self.key.clone() } else { fresh_key(user.id) };
                let alone = large.contains(&mark.conversation);
                events.push(event(key, user, mark, alone, &state));
            }
            Ok((events, ()))
        })
    }
}

fn event(key: WriteKey, user: &UserRow, mark: ReadMark, alone: bool, state: &EpochHistory) -> NewEvent {
    ChangeEvent {
        key,
        conversation: mark.conversation,
        kind: EventKind::ConversationRead,
        message: None,
        actor: user,
        data: &ReadData { user: user.clone().into(), read: state.cursor_at(mark.read).to_string() },
        concerns: Vec::new(),
        only_for: alone.then_some(user.id),
    }
    .event()
}
