//! What the hub asks PostgreSQL, and how it gets its answers: few at a time, many users in one query.

use super::hub::{Command, Hub};
use super::outlet::Outlet;
use super::roster::Key;
use super::start::{After, Epochs, Refused, Start};
use super::subscription::{Question, Receiver, Subscription};
use crate::ids::{ConnectionId, ConversationId, Position, UserId};
use crate::log::read::{self, Span};
use crate::log::{Cursor, Event};
use crate::shutdown::Shutdown;
use crate::store::{Connection, Pool, StoreError};
use crate::wire::{Encoded, Framing};
use bytes::{Bytes, BytesMut};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// Users whose memberships are asked for at once.
const USERS: usize = 500;
/// Pages that are read at the same time.
const PAGES: usize = 4;
/// Events that are found before they are read, page by page: finding costs little more than finding one, and each takes
/// eight bytes.
const AHEAD: usize = 4_096;
/// How long a question rests that was not answered.
const REST: Duration = Duration::from_millis(500);

/// A question to PostgreSQL.
pub enum Ask {
    /// Where a user is a member.
    Memberships(UserId),
    /// The next page of what a subscription missed.
    Page(PageWish),
    /// Whether the cursor of a stream is still good.
    Judgement(Key, ConnectionId, Cursor),
}

/// A page of what a subscription missed.
pub struct PageWish {
    key: Key,
    id: ConnectionId,
    user: UserId,
    only: Option<ConversationId>,
    covered: Cursor,
    upto: Cursor,
    shape: Shape,
    unread: Option<Box<Unread>>,
}

/// Events that were found and not read yet. Nobody becomes a member, or ceases to be one, at a position that has passed.
pub struct Unread {
    positions: Vec<Position>,
    /// Up to where these are all; `None` where more may follow.
    upto: Option<Cursor>,
}

/// What becomes of a page.
#[derive(Clone, Copy)]
enum Shape {
    Bytes(Framing, Chunks),
    Events(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chunks {
    Ours,
    Others,
}

impl PageWish {
    /// The page that comes next, with the hub at `head`.
    pub fn of(key: Key, subscription: &mut Subscription, head: Cursor) -> Self {
        let shape = match &subscription.receiver {
            Receiver::Stream { framing, outlet: Outlet::Socket(_) } => Shape::Bytes(*framing, Chunks::Ours),
            Receiver::Stream { framing, outlet: Outlet::Body(_) } => Shape::Bytes(*framing, Chunks::Others),
            Receiver::Poll(poll) => Shape::Events(poll.limit),
        };
        let subscriber = &subscription.subscriber;
        let (id, user, only) = (subscriber.id, subscriber.user, subscriber.only);
        let unread = subscription.unread.take();
        Self { key, id, user, only, covered: subscription.covered, upto: head, shape, unread }
    }
}

/// A page that was read.
pub struct Page {
    /// For a poll.
    pub events: Vec<Arc<Encoded>>,
    /// For a stream.
    pub bytes: Option<Bytes>,
    /// How far the page reaches.
    pub reached: Cursor,
    /// Whether more is known to follow.
    pub more: bool,
    /// What was found of that.
    pub unread: Option<Box<Unread>>,
    /// What was asked for: after the one, up to the other.
    pub asked: (Cursor, Cursor),
}

/// Where users are members.
pub struct Knowledge {
    /// As of here.
    pub head: Cursor,
    pub users: Vec<(UserId, Vec<ConversationId>)>,
}

/// Starts to answer the hub's questions.
pub fn answer(hub: Hub, pool: Pool, epochs: Epochs, questions: mpsc::UnboundedReceiver<Ask>, shutdown: &Shutdown) {
    let (users, asked) = mpsc::unbounded_channel();
    shutdown.spawn(answer_memberships(hub.clone(), pool.clone(), asked));
    let office = Arc::new(Office { hub, pool, epochs, places: Semaphore::new(PAGES) });
    shutdown.spawn(office.answer(questions, users, shutdown.clone()));
}

/// Asks for all users that wait in one query.
async fn answer_memberships(hub: Hub, pool: Pool, mut asked: mpsc::UnboundedReceiver<UserId>) {
    let mut users = Vec::new();
    while asked.recv_many(&mut users, USERS).await > 0 {
        let users = std::mem::take(&mut users);
        match memberships(&hub, &pool, &users).await {
            Ok(knowledge) => hub.tell(Command::Know(knowledge)),
            Err(error) => {
                tracing::warn!(%error, "cannot read where users are members");
                tokio::time::sleep(REST).await;
                hub.tell(Command::FailToKnow(users));
            }
        }
    }
}

async fn memberships(hub: &Hub, pool: &Pool, users: &[UserId]) -> Result<Knowledge, StoreError> {
    let everyone = read::standings_of(&mut *pool.get().await?, users, hub.published().position).await?;
    let mut by_user: HashMap<_, _> = users.iter().map(|user| (*user, Vec::new())).collect();
    for (user, conversation) in everyone.memberships {
        by_user.entry(user).or_default().push(conversation);
    }
    Ok(Knowledge { head: everyone.head, users: by_user.into_iter().collect() })
}

/// Where pages are read and cursors judged, few at a time.
struct Office {
    hub: Hub,
    pool: Pool,
    epochs: Epochs,
    places: Semaphore,
}

impl Office {
    async fn answer(
        self: Arc<Self>,
        mut questions: mpsc::UnboundedReceiver<Ask>,
        users: mpsc::UnboundedSender<UserId>,
        shutdown: Shutdown,
    ) {
        while let Some(question) = questions.recv().await {
            let this = self.clone();
            match question {
                // Read until shutdown begins.
                Ask::Memberships(user) => drop(users.send(user)),
                Ask::Page(wish) => shutdown.spawn(async move { this.turn(wish).await }),
                Ask::Judgement(key, id, covered) => shutdown.spawn(async move { this.judge(key, id, covered).await }),
            }
        }
    }

    async fn turn(&self, wish: PageWish) {
        let _place = self.places.acquire().await;
        let (key, id) = (wish.key, wish.id);
        match page(&self.pool, wish).await {
            Ok(page) => self.hub.tell(Command::Turn(key, id, page)),
            Err(error) => self.fail(key, id, Question::Page, &error).await,
        }
    }

    async fn judge(&self, key: Key, id: ConnectionId, covered: Cursor) {
        let _place = self.places.acquire().await;
        match Start::find(&self.hub, &self.epochs, After::Cursor(covered)).await {
            Ok(start) => self.hub.tell(Command::Judge(key, id, start, None)),
            Err(Refused::Dead(code, start)) => self.hub.tell(Command::Judge(key, id, start, Some(code))),
            Err(Refused::Store(error)) => self.fail(key, id, Question::Judgement, &error).await,
        }
    }

    async fn fail(&self, key: Key, id: ConnectionId, question: Question, error: &StoreError) {
        tracing::warn!(%error, ?question, "cannot read for a subscription");
        tokio::time::sleep(REST).await;
        self.hub.tell(Command::Fail(key, id, question));
    }
}

async fn page(pool: &Pool, wish: PageWish) -> Result<Page, StoreError> {
    let connection = &mut *pool.get().await?;
    let asked = (wish.covered, wish.upto);
    let mut unread = match wish.unread {
        Some(unread) => *unread,
        None => Unread::find(connection, &wish).await?,
    };
    let most = match wish.shape {
        Shape::Bytes(..) => usize::MAX,
        Shape::Events(limit) => limit,
    };
    let events = unread.next(connection, most).await?;
    let (reached, more) = match (unread.positions.is_empty(), unread.upto, events.last()) {
        (true, Some(upto), _) => (upto, false),
        (_, _, Some(last)) => (last.cursor(), true),
        // All that was found was retired in between.
        (_, _, None) => (wish.covered, true),
    };
    let events = events.into_iter().map(encoded);
    let (events, bytes) = match wish.shape {
        Shape::Events(_) => (events.collect(), None),
        Shape::Bytes(framing, chunks) => (Vec::new(), Some(joined(events, framing, chunks)).filter(|b| !b.is_empty())),
    };
    let unread = Some(Box::new(unread)).filter(|unread| !unread.positions.is_empty());
    Ok(Page { events, bytes, reached, more, unread, asked })
}

impl Unread {
    async fn find(connection: &mut Connection, wish: &PageWish) -> Result<Self, StoreError> {
        let span = Span { after: wish.covered.position, upto: wish.upto.position, only: wish.only };
        let most = match wish.shape {
            Shape::Bytes(..) => AHEAD,
            Shape::Events(limit) => limit + 1,
        };
        let positions = read::missed_positions(connection, wish.user, span, most).await?;
        Ok(Self { upto: (positions.len() < most).then_some(wish.upto), positions })
    }

    /// Reads the next events, at most `most`.
    async fn next(&mut self, connection: &mut Connection, most: usize) -> Result<Vec<Event>, StoreError> {
        let page = &self.positions[..self.positions.len().min(most).min(read::PAGE_EVENTS)];
        let events = read::page(connection, page).await?;
        let read = events.last().map(|last| self.positions.partition_point(|position| *position <= last.position));
        // Where nothing is kept any more, nothing is left to read.
        self.positions.drain(..read.unwrap_or(page.len()));
        Ok(events)
    }
}

fn joined(events: impl Iterator<Item = Arc<Encoded>>, framing: Framing, chunks: Chunks) -> Bytes {
    let mut bytes = BytesMut::new();
    for event in events {
        let frame = event.framed(framing);
        match chunks {
            Chunks::Ours => bytes.extend_from_slice(frame.chunk()),
            Chunks::Others => bytes.extend_from_slice(&frame.plain()),
        }
    }
    bytes.freeze()
}

fn encoded(event: Event) -> Arc<Encoded> {
    Arc::new(Encoded::new(Arc::new(event)))
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;
