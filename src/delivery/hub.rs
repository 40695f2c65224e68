//! The door to the thread that serves this node's streams and waiting polls.

use super::audience::{Audience, Gate};
use super::close::Close;
use super::ephemeral::{Change, News, Typing};
use super::question::{Ask, Knowledge, Page};
use super::reactor;
use super::receipts::Awaited;
use super::roster::Key;
use super::start::Start;
use super::subscription::{Newcomer, Question};
use crate::ids::{ConnectionId, Epoch, Position, UserId};
use crate::log::{Cursor, Event};
use crate::wire::ResetCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use tokio::sync::{mpsc, watch};

/// What the hub is told.
pub enum Command {
    Admit(Box<Newcomer>),
    Publish(Epoch, Vec<Arc<Event>>),
    Rebase(Cursor),
    CloseAll(Close),
    CloseTheEnded,
    Know(Knowledge),
    FailToKnow(Vec<UserId>),
    Turn(Key, ConnectionId, Page),
    Judge(Key, ConnectionId, Start, Option<ResetCode>),
    Fail(Key, ConnectionId, Question),
    Rejudge(Key, ConnectionId),
    Whisper(Box<Typing>),
    Change(Vec<Change>),
    WatchFor(Awaited),
    Recount,
    Stop,
}

/// How far the log is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// All up to here was published.
    pub head: Cursor,
    /// All above it is in memory.
    pub floor: Position,
}

impl Reach {
    /// Whether all up to `head` was published, under its epoch.
    fn is_at(&self, head: Cursor) -> bool {
        self.head.epoch == head.epoch && self.head.position >= head.position
    }

    /// Whether a cursor lies in memory. Then it is good: it is of the present epoch, and neither above the head nor below
    /// what is kept.
    pub fn holds(&self, cursor: Cursor) -> bool {
        cursor.epoch == self.head.epoch && (self.floor..=self.head.position).contains(&cursor.position)
    }
}

/// How many receive here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub streams: usize,
    pub polls: usize,
}

/// A node's hub. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    commands: mpsc::UnboundedSender<Command>,
    bell: Arc<Bell>,
    reach: watch::Sender<Reach>,
    counts: watch::Sender<Counts>,
    /// What somebody waited for last.
    wanted: watch::Sender<Cursor>,
}

/// The hub's own end of its door.
pub struct Inside {
    pub commands: mpsc::UnboundedReceiver<Command>,
    pub reach: watch::Sender<Reach>,
    pub counts: watch::Sender<Counts>,
}

/// Wakes the thread, if it sleeps.
pub struct Bell {
    asleep: AtomicBool,
    ring: Box<dyn Fn() + Send + Sync>,
}

impl Bell {
    /// Rings by `ring`.
    pub fn new(ring: impl Fn() + Send + Sync + 'static) -> Self {
        Self { asleep: AtomicBool::new(false), ring: Box::new(ring) }
    }

    /// The thread is about to look for the last time, and then to sleep.
    pub fn fall_asleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// The thread is awake.
    pub fn wake_up(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }

    fn ring(&self) {
        // Either the thread sees what was sent, or this sees it asleep.
        fence(Ordering::SeqCst);
        if self.asleep.swap(false, Ordering::SeqCst) {
            (self.ring)();
        }
    }
}

impl Hub {
    /// Starts a hub that has published up to `head`; it ends by [`Self::stop`].
    ///
    /// # Errors
    /// There is no thread or no descriptor left.
    pub fn start(
        head: Cursor,
        streams_per_user: usize,
        gate: Gate,
    ) -> std::io::Result<(Self, mpsc::UnboundedReceiver<Ask>, mpsc::UnboundedReceiver<News>)> {
        let (asks, questions) = mpsc::unbounded_channel();
        let (tell, news) = mpsc::unbounded_channel();
        let reactor = reactor::Reactor::new()?;
        let bell = Arc::new(reactor.bell()?);
        let (hub, inside) = Self::with(head, bell.clone());
        let mut audience = Audience::new(head, streams_per_user, gate, move |ask| drop(asks.send(ask)));
        audience.tell_news(move |news| drop(tell.send(news)));
        reactor.start(audience, inside, bell)?;
        Ok((hub, questions, news))
    }

    /// Makes a door without anybody behind it.
    pub fn with(head: Cursor, bell: Arc<Bell>) -> (Self, Inside) {
        let (commands, inside) = mpsc::unbounded_channel();
        let reach = watch::Sender::new(Reach { head, floor: head.position });
        let counts = watch::Sender::default();
        let wanted = watch::Sender::new(head);
        let shared = Shared { commands, bell, reach: reach.clone(), counts: counts.clone(), wanted };
        (Self(Arc::new(shared)), Inside { commands: inside, reach, counts })
    }

    /// How far the log was published here.
    pub fn published(&self) -> Cursor {
        self.reach().head
    }

    /// How far the log was published here, and how far back it is in memory.
    pub fn reach(&self) -> Reach {
        *self.0.reach.borrow()
    }

    /// How many receive here, as of a moment ago.
    pub fn counts(&self) -> Counts {
        *self.0.counts.borrow()
    }

    /// Waits until the log was published here up to `head`, under its epoch.
    pub async fn reached(&self, head: Cursor) {
        if !self.reach().is_at(head) {
            self.0.wanted.send_replace(head);
        }
        self.passed(head).await;
    }

    /// The same for what is on its way here, so that nobody need look for it.
    pub(super) async fn passed(&self, head: Cursor) {
        // The hub itself holds the sender.
        let _ = self.0.reach.subscribe().wait_for(|at| at.is_at(head)).await;
    }

    /// Changes when somebody waits for what was not published yet.
    pub(super) fn wanted(&self) -> watch::Receiver<Cursor> {
        self.0.wanted.subscribe()
    }

    /// Takes a client in.
    pub fn admit(&self, newcomer: Newcomer) {
        self.tell(Command::Admit(Box::new(newcomer)));
    }

    /// Publishes the next events of the log, and waits until they wait for those who get them.
    pub(super) async fn publish(&self, epoch: Epoch, events: Vec<Arc<Event>>) {
        let Some(last) = events.last() else { return };
        let head = Cursor { epoch, position: last.position };
        self.tell(Command::Publish(epoch, events));
        let _ = self.0.reach.subscribe().wait_for(|at| at.head == head).await;
    }

    /// Goes on from `head`, where another history of the log begins.
    pub(super) async fn rebase(&self, head: Cursor) {
        self.tell(Command::Rebase(head));
        // It may lie below what was published.
        let _ = self.0.reach.subscribe().wait_for(|at| at.head == head).await;
    }

    /// Ends every subscription. Who comes to a node that drains is sent away, too.
    pub fn close_all(&self, reason: Close) {
        self.tell(Command::CloseAll(reason));
    }

    /// Ends the subscriptions of sessions and users that have ended.
    pub fn close_the_ended(&self) {
        self.tell(Command::CloseTheEnded);
    }

    /// Ends the thread, and drops what is still open.
    pub fn stop(&self) {
        self.tell(Command::Stop);
    }

    pub(super) fn tell(&self, command: Command) {
        // Nobody behind the door: the node is ending.
        let _ = self.0.commands.send(command);
        self.0.bell.ring();
    }
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
