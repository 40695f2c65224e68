//! Read marks: how far each member has read.
//!
//! Marks are written together, in one transaction with their events: all that wait while the last ones are written. Who
//! marks the same conversation again within [`PACE`] is answered then, with the furthest of the marks, so that a reader
//! of a busy conversation makes one event a second, and not one for each message. In large conversations, only the reader
//! gets the event.

use super::history::{self, Bound};
use super::telling::Told;
use super::{Caller, Domain, Error, cut, idempotency, visibility};
use crate::ids::{ConversationId, MessageId, Position, UserId};
use crate::log::epoch::{self, EpochHistory};
use crate::log::{Change, ChangeFuture, LockedHead, Log, NewEvent, WriteKey, inbox};
use crate::store::read_marks::{self, ReadMark};
use crate::store::users::UserRow;
use crate::store::{Connection, EventKind, members};
use crate::wire::{self, ReadData};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How often a member's mark of one conversation is written at most.
const PACE: Duration = Duration::from_secs(1);
/// Members of a conversation above which marks are their reader's alone.
pub const MOST_TOLD: i64 = 50;
/// Marks that may wait. What is above it is told to come back.
const QUEUE: usize = 8_192;
/// Marks that are written at once.
const BATCH: usize = 1_000;

/// How far each member has read a message's conversation, and where the next page begins.
#[derive(Clone, Debug)]
pub struct Receipts {
    pub items: Vec<wire::ReadReceipt>,
    pub next: Option<(Position, UserId)>,
}

impl Domain {
    /// Moves the caller's read mark, never backwards.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::CursorUnknown`].
    pub async fn mark_read(
        &self,
        caller: &Caller,
        id: ConversationId,
        reached: Bound,
    ) -> Result<wire::ReadState, Error> {
        let mut connection = self.connection().await?;
        let sight = visibility::of(&mut connection, caller, id).await?;
        sight.present()?;
        let read = history::place(&mut connection, &sight, reached).await?;
        drop(connection);
        self.0.marker.mark(caller.user.clone(), id, read).await?;
        let mut connection = self.connection().await?;
        let page = inbox::InboxQuery { only: Some(id), after: None, limit: 1 };
        let entries = inbox::page(&mut connection, caller.user.id, page).await?;
        let entry = entries.first().ok_or(Error::NotFound)?;
        let state = epoch::load(&mut connection, entry.read).await?;
        Ok(wire::ReadState { read: state.cursor_at(entry.read).to_string(), unread: entry.unread })
    }

    /// Who has read a message, in order of joining, after one of the members. In large conversations, the caller alone.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for former members.
    pub async fn receipts(
        &self,
        caller: &Caller,
        id: MessageId,
        after: Option<(Position, UserId)>,
        limit: usize,
    ) -> Result<Receipts, Error> {
        let mut connection = self.connection().await?;
        let (message, sight) = visibility::message(&mut connection, caller, id).await?;
        sight.present()?;
        let large = members::larger_than(&mut connection, &[message.conversation], MOST_TOLD).await?;
        let only = (!large.is_empty()).then_some(caller.user.id);
        let mut found =
            read_marks::readers(&mut connection, message.conversation, only, after, limit as i64 + 1).await?;
        let more = cut(&mut found, limit);
        let next = found.last().filter(|_| more).map(|(membership, user, _)| (membership.joined_at, user.id));
        let state = epoch::load(&mut connection, Position::ZERO).await?;
        let items = found.into_iter().map(|(_, user, read)| wire::ReadReceipt {
            user: user.into(),
            read: state.cursor_at(read).to_string(),
            has_read: read >= message.position,
        });
        Ok(Receipts { items: items.collect(), next })
    }
}

/// The door to the task that writes a node's marks. Cheap to clone.
#[derive(Clone)]
pub struct Marker(mpsc::Sender<Wish>);

type Reply = oneshot::Sender<Result<(), Error>>;
type Place = (UserId, ConversationId);

struct Wish {
    user: Arc<UserRow>,
    conversation: ConversationId,
    read: Position,
    reply: Reply,
}

/// A mark that waits for its turn.
struct Held {
    user: Arc<UserRow>,
    read: Position,
    due: Instant,
    replies: Vec<Reply>,
}

impl Marker {
    /// Starts the task; it ends when the last door is dropped.
    pub fn start(log: Log) -> Self {
        let (door, wishes) = mpsc::channel(QUEUE);
        tokio::spawn(Loop { log, wishes, held: HashMap::new(), waiting: 0, written: HashMap::new() }.run());
        Self(door)
    }

    async fn mark(&self, user: Arc<UserRow>, conversation: ConversationId, read: Position) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(Wish { user, conversation, read, reply }).map_err(|_| Error::Busy)?;
        answer.await.unwrap_or(Err(Error::Unresolved))
    }
}

struct Loop {
    log: Log,
    wishes: mpsc::Receiver<Wish>,
    held: HashMap<Place, Held>,
    /// Callers who wait in it.
    waiting: usize,
    /// When the marks of the last moment were written.
    written: HashMap<Place, Instant>,
}

impl Loop {
    async fn run(mut self) {
        let mut come = Vec::new();
        loop {
            let next = self.held.values().map(|held| held.due).min();
            let due = async {
                match next {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                count = self.wishes.recv_many(&mut come, BATCH) => {
                    if count == 0 && self.held.is_empty() {
                        return;
                    }
                    come.drain(..).for_each(|wish| self.hold(wish));
                }
                () = due => {}
            }
            self.write_what_is_due().await;
        }
    }

    fn hold(&mut self, wish: Wish) {
        if self.waiting >= QUEUE {
            // Who asked may have given up.
            return drop(wish.reply.send(Err(Error::Busy)));
        }
        self.waiting += 1;
        let place = (wish.user.id, wish.conversation);
        let due = self.written.get(&place).map_or_else(Instant::now, |written| *written + PACE);
        let held = self.held.entry(place).or_insert_with(|| Held {
            user: wish.user,
            read: Position::ZERO,
            due,
            replies: Vec::new(),
        });
        held.read = held.read.max(wish.read);
        held.replies.push(wish.reply);
    }

    async fn write_what_is_due(&mut self) {
        let now = Instant::now();
        self.written.retain(|_, written| now < *written + PACE);
        let due: Vec<_> = self.held.extract_if(|_, held| held.due <= now).take(BATCH).collect();
        if due.is_empty() {
            return;
        }
        let mut marks = Vec::with_capacity(due.len());
        let mut replies = Vec::with_capacity(due.len());
        for ((user, conversation), held) in due {
            self.written.insert((user, conversation), now);
            marks.push((held.user, ReadMark { conversation, user, read: held.read }));
            replies.extend(held.replies);
        }
        self.waiting -= replies.len();
        let Some((first, _)) = marks.first() else { return };
        let key = idempotency::fresh(first.id);
        let written = self.log.change(Marking { key, marks }).await;
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
struct Marking {
    key: WriteKey,
    marks: Vec<(Arc<UserRow>, ReadMark)>,
}

impl Change for Marking {
    type Output = ();
    type Rejection = Error;

    fn size_bytes(&self) -> usize {
        size_of_val(self) + size_of_val(self.marks.as_slice())
    }

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async move {
            let wanted: Vec<_> = self.marks.iter().map(|(_, mark)| *mark).collect();
            let moved = read_marks::advance(connection, &wanted).await?;
            let mut conversations: Vec<_> = moved.iter().map(|mark| mark.conversation).collect();
            conversations.sort_unstable();
            conversations.dedup();
            let large = members::larger_than(connection, &conversations, MOST_TOLD).await?;
            let state = epoch::load(connection, locked.next.previous()).await.map_err(Error::from)?;
            let users: HashMap<_, _> = self.marks.iter().map(|(user, _)| (user.id, user)).collect();
            let mut events = Vec::with_capacity(moved.len());
            for mark in moved {
                let Some(user) = users.get(&mark.user) else { continue };
                let key = if events.is_empty() { self.key.clone() } else { idempotency::fresh(user.id) };
                let alone = large.contains(&mark.conversation);
                events.push(event(key, user, mark, alone, &state));
            }
            Ok((events, ()))
        })
    }
}

fn event(key: WriteKey, user: &UserRow, mark: ReadMark, alone: bool, state: &EpochHistory) -> NewEvent {
    Told {
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
