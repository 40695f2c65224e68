//! The dispatcher alone: no thread and no socket, and time is what the test says.

use super::*;
use crate::delivery::core::catch_up::page::{CatchUpPage, KnownMemberships, StartPoint};
use crate::delivery::core::catch_up::query::CatchUpQuery;
use crate::delivery::core::catch_up::read_ahead::ReadAhead;
use crate::delivery::core::subscriptions::receiver::{PollAnswer, Subscriber};
use crate::delivery::core::subscriptions::sink::Sink;
use crate::delivery::core::subscriptions::subscription::{MAX_PENDING_BYTES, QueryKind};
use crate::delivery::samples::*;
use crate::ids::{ConnectionId, ConversationId};
use crate::shutdown::Shutdown;
use crate::wire::Framing;
use crate::wire::ResetCode;
use bytes::Bytes;
use std::sync::{Mutex, mpsc};
use std::time::Duration;
use tokio::sync::mpsc as channel;

#[path = "backpressure.rs"]
mod backpressure;
#[path = "deletions.rs"]
mod deletions;
#[path = "due.rs"]
mod due;
#[path = "ends.rs"]
mod ends;
#[path = "ephemeral.rs"]
mod ephemeral;
#[path = "histories.rs"]
mod histories;
#[path = "members.rs"]
mod members;
#[path = "own_events.rs"]
mod own_events;
#[path = "past.rs"]
mod past;
#[path = "polls.rs"]
mod polls;
#[path = "rebases.rs"]
mod rebases;
#[path = "slow_readers.rs"]
mod slow_readers;

/// Writes that a client takes in tests that are not about how fast it reads.
const ENOUGH: usize = 10_000;

/// A dispatcher, and what it asks.
struct Stage {
    dispatcher: Dispatcher,
    asks: mpsc::Receiver<CatchUpQuery>,
    /// Queries that can still be sent.
    places: Arc<Mutex<usize>>,
    /// Kinds of queries whose queue is full, whatever `places` says.
    full: Arc<Mutex<Vec<QueryKind>>>,
    /// Users that have ended.
    ended: Arc<Mutex<Vec<UserId>>>,
    /// How many events more are found with the next pages.
    found: usize,
    /// Where conversations ended whose members the users were.
    ended_at: Vec<i64>,
    /// Events that are read ahead with the next pages.
    ahead: Vec<Arc<Event>>,
    now: Instant,
}

/// The client of a stream.
struct Stream {
    key: SubscriptionKey,
    id: ConnectionId,
    body: channel::Receiver<Bytes>,
}

/// The client of a poll.
struct Polling {
    key: SubscriptionKey,
    answers: mpsc::Receiver<PollAnswer>,
}

/// What a poll got.
#[derive(Clone, Debug, PartialEq)]
struct Got {
    events: Vec<i64>,
    covered: Cursor,
    more: bool,
    close: Option<CloseReason>,
}

/// What a stream told.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Event(i64),
    /// An ephemeral event, by its kind.
    Live(String),
    Beat,
    Reset(String, Cursor),
    End(String, Cursor),
}

impl Stage {
    /// A dispatcher that begins at `head`.
    fn at(head: i64) -> Self {
        Self::of(head, 20)
    }

    fn of(head: i64, streams_per_user: usize) -> Self {
        let (sender, asks) = mpsc::channel();
        let ended = Arc::new(Mutex::new(Vec::new()));
        let list = ended.clone();
        let is_revoked = Box::new(move |user, _| list.lock().expect("nobody panics with it").contains(&user));
        let places = Arc::new(Mutex::new(usize::MAX));
        let full = Arc::new(Mutex::new(Vec::new()));
        let (left, full_kinds) = (places.clone(), full.clone());
        let ask = Box::new(move |query| {
            let kind = match &query {
                CatchUpQuery::Memberships(_) => QueryKind::Memberships,
                CatchUpQuery::Page(_) => QueryKind::Page,
                CatchUpQuery::Judgement(..) => QueryKind::Judgement,
            };
            if full_kinds.lock().expect("nobody panics with it").contains(&kind) {
                return Err(query);
            }
            let mut left = left.lock().expect("nobody panics with it");
            let Some(less) = left.checked_sub(1) else { return Err(query) };
            *left = less;
            sender.send(query).expect("the test listens");
            Ok(())
        });
        let dispatcher = Dispatcher::new(cursor(head), streams_per_user, is_revoked, ask);
        let (ended_at, ahead) = (Vec::new(), Vec::new());
        Self { dispatcher, asks, places, full, ended, found: 0, ended_at, ahead, now: Instant::now() }
    }

    fn admit(&mut self, subscriber: Subscriber, receiver: Receiver, from: Cursor) -> SubscriptionKey {
        let held = Shutdown::default().guard();
        let newcomer = NewSubscription { subscriber, receiver, from, epoch: from.epoch, opening: None, held };
        self.dispatcher.admit(newcomer, self.now)
    }

    /// Admits a stream whose client takes `capacity` writes before it must read.
    fn stream_of(&mut self, subscriber: Subscriber, framing: Framing, capacity: usize, from: Cursor) -> Stream {
        let (sender, body) = channel::channel(capacity);
        let key = self.admit(subscriber, Receiver::Stream { framing, sink: Sink::Body(sender) }, from);
        Stream { key, id: subscriber.id, body }
    }

    /// Admits a stream of a user that has everything up to `from`.
    fn stream(&mut self, user: UserId, from: i64) -> Stream {
        self.stream_of(self.subscriber(user), Framing::Sse, ENOUGH, cursor(from))
    }

    /// Admits a stream that is live at once.
    fn live(&mut self, user: UserId, rooms: &[u128]) -> Stream {
        self.live_of(self.subscriber(user), ENOUGH, rooms)
    }

    fn live_of(&mut self, subscriber: Subscriber, capacity: usize, rooms: &[u128]) -> Stream {
        let head = self.dispatcher.head();
        let stream = self.stream_of(subscriber, Framing::Sse, capacity, head);
        self.learn(subscriber.user, rooms);
        assert_eq!(self.subscription(stream.key).phase, Phase::Live);
        stream
    }

    /// Admits a poll of a user that has everything up to `from`.
    fn poll(&mut self, subscriber: Subscriber, limit: usize, from: Cursor) -> Polling {
        let (sender, answers) = mpsc::channel();
        let answer = Box::new(move |answer| sender.send(answer).expect("the test listens"));
        let poll = Box::new(LongPoll { limit, socket: None, asker: None, early: Vec::new(), answer });
        let key = self.admit(subscriber, Receiver::Poll(poll), from);
        Polling { key, answers }
    }

    fn subscriber(&self, user: UserId) -> Subscriber {
        let until = (self.now + Duration::from_secs(3_600), CloseReason::Expired);
        Subscriber { id: ConnectionId::new(), user, session: None, only: None, until }
    }

    fn subscription(&self, key: SubscriptionKey) -> &Subscription {
        self.dispatcher.table.get(key).expect("it has not ended")
    }

    /// Answers where a user is a member, as of the hub's head, if that is asked for once there is nothing else to do.
    fn learn(&mut self, user: UserId, rooms: &[u128]) {
        self.serve();
        let asked = self.asked();
        if !asked.is_empty() {
            assert_eq!(asked, [Asked::Memberships(user)]);
            self.take_memberships(user, rooms, self.dispatcher.head());
            self.serve();
        }
    }

    fn take_memberships(&mut self, user: UserId, rooms: &[u128], head: Cursor) {
        let open = rooms.iter().map(|number| room(*number)).collect();
        let known = KnownMemberships { open, ended: self.ended_at.iter().copied().map(Position).collect() };
        self.dispatcher.take_memberships(UserMemberships { head, users: vec![(user, known)] }, self.now);
    }

    fn publish(&mut self, events: &[Arc<Event>]) {
        self.dispatcher.publish(self.dispatcher.head().epoch, events, self.now);
    }

    /// Gives the page that was asked for: these events, all that there are up to `reached`.
    fn take_page(&mut self, wish: &PageWish, events: &[Arc<Event>], reached: i64, more: bool) {
        let mut events: Vec<_> = events.iter().map(|event| Arc::new(Encoded::new(event.clone()))).collect();
        let texts = events.iter().filter_map(|event| event.event.message).collect();
        let mut bytes = None;
        if wish.limit.is_none() && !events.is_empty() {
            let frames: Vec<_> = events.drain(..).map(|event| event.framed(Framing::Sse).plain()).collect();
            bytes = Some(frames.concat().into());
        }
        let ahead = std::mem::take(&mut self.ahead);
        let read_ahead = (self.found + ahead.len() > 0).then(|| ReadAhead::some(self.found, ahead, wish.deletions));
        let page = CatchUpPage {
            events,
            bytes,
            reached: cursor(reached),
            more,
            read_ahead,
            asked: (wish.covered, wish.upto),
            texts,
            deletions: wish.deletions,
        };
        self.dispatcher.take_page(wish.key, wish.id, page, self.now);
    }

    /// Does all that can be done.
    fn serve(&mut self) {
        while self.dispatcher.serve(self.now) {}
        self.answer_polls();
    }

    /// Gives the polls that are over their answers.
    fn answer_polls(&mut self) {
        for FinishedPoll { poll, events, covered, more, close, .. } in self.dispatcher.take_finished_polls() {
            (poll.answer)(PollAnswer { events, covered, more, close, socket: None, early: Vec::new() });
        }
    }

    /// Lets time pass, which the reactor would have noticed at its end.
    fn sleep(&mut self, duration: Duration) {
        self.now += duration;
        self.dispatcher.sweep(self.now);
        self.serve();
    }

    /// Lets a client read until nothing comes any more.
    fn read_to_the_end(&mut self, stream: &mut Stream) -> Vec<Told> {
        let mut told = Vec::new();
        for _ in 0..10 {
            told.extend(stream.read());
            self.sleep(Duration::from_millis(1));
        }
        told
    }

    /// Ends a user, as a revocation does.
    fn revoke(&mut self, user: UserId) {
        self.ended.lock().expect("nobody panics with it").push(user);
        self.dispatcher.close_revoked(self.now);
    }

    /// Lets so many more queries be sent.
    fn allow_queries(&mut self, count: usize) {
        *self.places.lock().expect("nobody panics with it") = count;
    }

    /// No query of this kind can be sent any more.
    fn fill_queue_of(&mut self, kind: QueryKind) {
        self.full.lock().expect("nobody panics with it").push(kind);
    }

    /// What was asked since the last look.
    fn asked(&self) -> Vec<Asked> {
        self.asks.try_iter().map(Asked::from).collect()
    }

    /// The only thing that was asked since the last look: a page of the events after a position, up to another.
    fn page_wish(&self, covered: i64, upto: i64) -> PageWish {
        let asked = self.asked();
        let [Asked::Page(wish)] = asked[..] else { panic!("a page should have been asked for: {asked:?}") };
        assert_eq!((wish.covered, wish.upto), (cursor(covered), cursor(upto)));
        wish
    }

    /// The subscriptions that an action looks at.
    fn visits(&mut self, action: impl FnOnce(&mut Self)) -> usize {
        self.dispatcher.table.visits.set(0);
        action(self);
        self.dispatcher.table.visits.get()
    }

    /// Users and rooms that are known.
    fn sizes(&self) -> (usize, usize) {
        self.dispatcher.recent.topics().sizes()
    }
}

impl Stream {
    /// Takes the next write.
    fn take(&mut self) -> Option<Vec<Told>> {
        self.body.try_recv().ok().map(|bytes| told(&bytes))
    }

    /// Takes all that was written.
    fn read(&mut self) -> Vec<Told> {
        std::iter::from_fn(|| self.take()).flatten().collect()
    }

    /// Takes all that was written, which is events.
    fn events(&mut self) -> Vec<i64> {
        positions(self.read())
    }

    /// Whether the body has ended.
    fn is_over(&self) -> bool {
        self.body.is_closed() && self.body.is_empty()
    }
}

impl Polling {
    fn got(&self) -> Option<Got> {
        let PollAnswer { events, covered, more, close, .. } = self.answers.try_recv().ok()?;
        let events = events.iter().map(|event| event.event.position.0).collect();
        Some(Got { events, covered, more, close })
    }
}

fn positions(told: Vec<Told>) -> Vec<i64> {
    let position = |told| match told {
        Told::Event(position) => position,
        other => panic!("not an event: {other:?}"),
    };
    told.into_iter().map(position).collect()
}

fn all(positions: impl IntoIterator<Item = i64>) -> Vec<Told> {
    positions.into_iter().map(Told::Event).collect()
}

fn end(code: &str, position: i64) -> Told {
    Told::End(code.to_owned(), cursor(position))
}

/// Reads what a stream is framed as: SSE.
fn told(bytes: &[u8]) -> Vec<Told> {
    let text = std::str::from_utf8(bytes).expect("frames are text");
    let mut told = Vec::new();
    let (mut id, mut name, mut data) = ("", "", "");
    for line in text.lines() {
        match line.split_once(": ") {
            Some(("id", value)) => id = value,
            Some(("event", value)) => name = value,
            Some(("data", value)) => data = value,
            _ if line == ":" => told.push(Told::Beat),
            _ => {
                assert_eq!(line, "", "no such line");
                told.push(object(id, name, data));
                (id, name, data) = ("", "", "");
            }
        }
    }
    told
}

fn object(id: &str, name: &str, data: &str) -> Told {
    if ["typing", "presence"].contains(&name) {
        assert_eq!(id, "", "an ephemeral event moves no cursor");
        return Told::Live(name.to_owned());
    }
    let cursor = Cursor::parse(id).expect("an id is a cursor");
    let data: serde_json::Value = serde_json::from_str(data).expect("data is JSON");
    assert_eq!((&data["cursor"], &data["type"]), (&id.into(), &name.into()));
    let code = || data["code"].as_str().expect("it says why").to_owned();
    match name {
        "reset" => Told::Reset(code(), cursor),
        "end" => Told::End(code(), cursor),
        _ => Told::Event(cursor.position.0),
    }
}
