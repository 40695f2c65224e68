//! What the hub asks PostgreSQL, and how it gets its answers: few at a time, many users in one query.

use super::hub::{Command, Hub};
use super::roster::Key;
use super::start::{After, Epochs, Refused, Start};
use super::subscription::{Question, Receiver, Subscription};
use crate::ids::{ConnectionId, ConversationId, Position, UserId};
use crate::log::read::{self, MissedRange};
use crate::log::{Cursor, Event, epoch};
use crate::shutdown::Shutdown;
use crate::store::{ANSWER, Pool, StoreError};
use crate::wire::{Chunks, Encoded, Framing};
use bytes::{Bytes, BytesMut};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

/// Users whose memberships are asked for at once.
const USERS: usize = 500;
/// Pages that are read at the same time.
const PAGES: usize = 4;
/// Events that are found before they are read, page by page: finding costs little more than finding one, and each takes
/// eight bytes.
const AHEAD: usize = 4_096;
/// Bytes of a page, as they are sent. A client that reads slowly has two of them waiting, and 128 KiB of what was found
/// and read: that must stay below 256 KiB.
const PAGE_BYTES: usize = 60 * 1024;
/// How long the hub may take to get where an answer is from: it looks at the log once a second.
const BEHIND: Duration = Duration::from_secs(2);
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

/// Events that were found, and are not sent yet. Nobody becomes a member, or ceases to be one, at a position that has
/// passed.
pub struct Unread {
    /// Those that are not read.
    found: Vec<Position>,
    /// Those before them that are.
    read: VecDeque<Arc<Encoded>>,
    /// The first of `found`, on their way.
    coming: Option<Coming>,
    /// Up to where these are all; `None` where more may follow.
    upto: Option<Cursor>,
}

/// What becomes of a page.
#[derive(Clone, Copy)]
enum Shape {
    Bytes(Framing, Chunks),
    Events(usize),
}

impl PageWish {
    /// The page that comes next, with the hub at `head`.
    pub fn of(key: Key, subscription: &mut Subscription, head: Cursor) -> Self {
        let shape = match &subscription.receiver {
            Receiver::Stream { framing, outlet } => Shape::Bytes(*framing, outlet.chunks()),
            Receiver::Poll(poll) => Shape::Events(poll.limit),
        };
        let subscriber = &subscription.subscriber;
        let (id, user, only) = (subscriber.id, subscriber.user, subscriber.only);
        let unread = subscription.unread.take();
        Self { key, id, user, only, covered: subscription.covered, upto: head, shape, unread }
    }
}

type Coming = JoinHandle<Result<(Position, Vec<Event>), StoreError>>;

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
    let mut connection = pool.get().await?;
    let everyone = read::open_memberships(&mut connection, users, hub.published().position);
    let everyone = tokio::time::timeout(ANSWER, everyone).await;
    let everyone = connection.settle(everyone)?;
    let mut by_user: HashMap<_, _> = users.iter().map(|user| (*user, Vec::new())).collect();
    for (user, conversation) in everyone.memberships {
        by_user.entry(user).or_default().push(conversation);
    }
    // The hub could make nothing of it before, and would ask again.
    let _ = tokio::time::timeout(BEHIND, hub.passed(everyone.head)).await;
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
            Err(Missed::Retired) => self.hub.tell(Command::Rejudge(key, id)),
            Err(Missed::Store(error)) => self.fail(key, id, Question::Page, &error).await,
        }
    }

    async fn judge(&self, key: Key, id: ConnectionId, covered: Cursor) {
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

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
enum Missed {
    /// Retention has overtaken who reads.
    #[error("some of it is no longer kept")]
    Retired,
    #[error(transparent)]
    Store(#[from] StoreError),
}

async fn page(pool: &Pool, mut wish: PageWish) -> Result<Page, Missed> {
    let asked = (wish.covered, wish.upto);
    let mut unread = match wish.unread.take() {
        Some(unread) => unread,
        None => Box::new(Unread::find(pool, &wish).await?),
    };
    if unread.read.is_empty() {
        unread.read(pool).await?;
    }
    let (mut events, mut bytes, mut last) = (Vec::new(), BytesMut::new(), None);
    while let Some(event) = unread.read.front() {
        match wish.shape {
            Shape::Events(limit) if events.len() < limit => events.push(event.clone()),
            Shape::Bytes(framing, chunks) if join(&mut bytes, &event.framed(framing).bytes(chunks)) => {}
            Shape::Events(_) | Shape::Bytes(..) => break,
        }
        last = Some(event.event.cursor());
        unread.read.pop_front();
    }
    let (reached, more) = match (unread.is_empty(), unread.upto, last) {
        (true, Some(upto), _) => (upto, false),
        (_, _, Some(last)) => (last, true),
        // All that was found was retired in between.
        (_, _, None) => (wish.covered, true),
    };
    let bytes = Some(bytes.freeze()).filter(|bytes| !bytes.is_empty());
    let unread = Some(unread).filter(|unread| !unread.is_empty());
    Ok(Page { events, bytes, reached, more, unread, asked })
}

impl Unread {
    async fn find(pool: &Pool, wish: &PageWish) -> Result<Self, Missed> {
        let span = MissedRange { after: wish.covered.position, upto: wish.upto.position, only: wish.only };
        let most = match wish.shape {
            Shape::Bytes(..) => AHEAD,
            Shape::Events(limit) => limit + 1,
        };
        let mut connection = pool.get().await?;
        let found = async {
            let found = read::missed_positions(&mut connection, wish.user, span, most).await?;
            Ok::<_, StoreError>((found, epoch::oldest_position(&mut connection).await?))
        };
        let found = tokio::time::timeout(ANSWER, found).await;
        let (found, oldest) = connection.settle(found)?;
        if wish.covered.position < oldest.previous() {
            return Err(Missed::Retired);
        }
        let upto = (found.len() < most).then_some(wish.upto);
        Ok(Self { found, read: VecDeque::new(), coming: None, upto })
    }

    /// Takes the next of what was found, and lets PostgreSQL go on with what comes after it.
    async fn read(&mut self, pool: &Pool) -> Result<(), Missed> {
        let (oldest, events) = match self.coming.take() {
            Some(coming) => coming.await.map_err(|error| StoreError::Unreachable(error.into()))?,
            None => read_on(pool.clone(), self.page()).await,
        }?;
        if self.found.first().is_some_and(|first| *first < oldest) {
            return Err(Missed::Retired);
        }
        let read = events.last().map(|last| self.found.partition_point(|position| *position <= last.position));
        // Where nothing is kept any more, nothing is left to read.
        self.found.drain(..read.unwrap_or(self.found.len().min(read::MAX_PAGE_EVENTS)));
        self.read = events.into_iter().map(|event| Arc::new(Encoded::new(Arc::new(event)))).collect();
        if !self.found.is_empty() {
            self.coming = Some(tokio::spawn(read_on(pool.clone(), self.page())));
            // So that it is asked for before this goes on, which does not wait for a while.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn page(&self) -> Vec<Position> {
        self.found[..self.found.len().min(read::MAX_PAGE_EVENTS)].to_vec()
    }

    fn is_empty(&self) -> bool {
        self.found.is_empty() && self.read.is_empty()
    }
}

/// Reads the first of the events at `positions`, however many those are; answers also the oldest position that was kept
/// when they were read.
async fn read_on(pool: Pool, positions: Vec<Position>) -> Result<(Position, Vec<Event>), StoreError> {
    let mut connection = pool.get().await?;
    let events = async {
        let events = read::events_page(&mut connection, &positions).await?;
        Ok::<_, StoreError>((epoch::oldest_position(&mut connection).await?, events))
    };
    let events = tokio::time::timeout(ANSWER, events).await;
    connection.settle(events)
}

/// Adds an event to a page, if it fits.
fn join(page: &mut BytesMut, event: &[u8]) -> bool {
    let fits = page.is_empty() || page.len() + event.len() <= PAGE_BYTES;
    if fits {
        page.extend_from_slice(event);
    }
    fits
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;
