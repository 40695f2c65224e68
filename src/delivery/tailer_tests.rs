//! The tailer over a log in memory, which tells the test of every read.

use super::*;
use crate::delivery::hub::{Subscriber, Transport};
use crate::delivery::queue::Queue;
use crate::ids::{ConnectionId, ConversationId, UserId};
use crate::log::Payload;
use crate::log::read::{Standing, Standings};
use crate::store::{EventKind, Time};
use std::sync::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Where the hub is when a test begins.
const HEAD: Position = Position(10);
const ROOM: ConversationId = ConversationId(Uuid::nil());
const USER: UserId = UserId(Uuid::nil());
/// No positions.
const NOTHING: [i64; 0] = [];

/// What the fake source reads.
#[derive(Default)]
struct Stored {
    epoch: i64,
    first: i64,
    events: Vec<Event>,
    down: bool,
}

#[derive(Clone)]
struct Fake {
    stored: Arc<Mutex<Stored>>,
    reads: mpsc::UnboundedSender<i64>,
}

impl Source for Fake {
    async fn read(&mut self, after: Position, limit: usize) -> Result<Tail, StoreError> {
        self.reads.send(after.0).ok();
        let stored = self.stored.lock().unwrap();
        if stored.down {
            return Err(StoreError::Unreachable("down".into()));
        }
        let events = stored.events.iter().filter(|event| event.position > after).take(limit).cloned().collect();
        Ok(Tail { epoch: Epoch(stored.epoch), first: Position(stored.first), events })
    }
}

/// A tailer with one client, a member of the only room.
struct Node {
    hub: Hub,
    tailer: Tailer,
    queue: Arc<Queue>,
    stored: Arc<Mutex<Stored>>,
    reads: mpsc::UnboundedReceiver<i64>,
    handed: mpsc::Sender<Committed>,
    head: watch::Sender<Position>,
}

impl Node {
    /// Starts a tailer, which looks once into a log where it finds nothing new.
    async fn start() -> Self {
        let hub = Hub::new(cursor(1, HEAD.0), 20);
        let stored = Arc::new(Mutex::new(Stored { epoch: 1, first: 1, ..Stored::default() }));
        let (sender, reads) = mpsc::unbounded_channel();
        let (handed, batches) = mpsc::channel(64);
        let head = watch::Sender::new(Position::ZERO);
        let source = Fake { stored: stored.clone(), reads: sender };
        let tailer = Tailer::start(hub.clone(), source, batches, head.subscribe(), &Shutdown::default());
        let queue = subscribe(&hub);
        let mut node = Self { hub, tailer, queue, stored, reads, handed, head };
        assert_eq!(node.read().await, HEAD.0);
        node
    }

    /// Waits for the next read; answers what it was to follow.
    async fn read(&mut self) -> i64 {
        within_a_minute(self.reads.recv()).await.unwrap()
    }

    /// The reads that were made since the last look.
    fn reads(&mut self) -> Vec<i64> {
        std::iter::from_fn(|| self.reads.try_recv().ok()).collect()
    }

    /// Puts events into the log.
    fn store(&self, epoch: i64, positions: impl IntoIterator<Item = i64>) {
        let events = positions.into_iter().map(|position| event(epoch, position));
        self.stored.lock().unwrap().events.extend(events);
    }

    /// Declares an epoch that owns the log from `first` on; what stood there is lost.
    fn begin_epoch(&self, epoch: i64, first: i64) {
        let mut stored = self.stored.lock().unwrap();
        stored.events.retain(|event| event.position.0 < first);
        (stored.epoch, stored.first) = (epoch, first);
    }

    async fn hand_over(&self, epoch: i64, positions: impl IntoIterator<Item = i64>) {
        let events = positions.into_iter().map(|position| Arc::new(event(epoch, position))).collect();
        self.handed.send(Committed { epoch: Epoch(epoch), events }).await.unwrap();
    }

    /// Waits until a position is published.
    async fn reached(&self, position: i64) {
        reached(&self.hub, &self.queue, position).await;
    }

    /// Waits until the client is told to end.
    async fn closed(&self) -> Close {
        loop {
            if let Some(close) = self.queue.closed() {
                return close;
            }
            within_a_minute(self.queue.wait()).await;
        }
    }

    fn received(&self) -> Vec<i64> {
        self.queue.take().events.iter().map(|event| event.event.position.0).collect()
    }
}

fn subscriber() -> Subscriber {
    Subscriber {
        id: ConnectionId::new(),
        user: USER,
        session: None,
        transport: Transport::Stream,
        only: None,
        expires_at: std::time::Instant::now() + Duration::from_secs(3_600),
        rotates_at: None,
        cut: CancellationToken::new(),
    }
}

fn subscribe(hub: &Hub) -> Arc<Queue> {
    let subscriber = subscriber();
    let queue = hub.enlist(subscriber.clone());
    let standing = Standing { conversation: ROOM, joined_at: Position(1), left_at: None };
    hub.attach(subscriber.id, &Standings { head: hub.published(), memberships: vec![standing] }).unwrap();
    queue
}

/// Waits until a position is published, which `queue` hears of. [`Hub::reached`] would lead to a read.
async fn reached(hub: &Hub, queue: &Queue, position: i64) {
    while hub.published().position.0 < position {
        within_a_minute(queue.wait()).await;
    }
}

fn cursor(epoch: i64, position: i64) -> Cursor {
    Cursor { epoch: Epoch(epoch), position: Position(position) }
}

fn event(epoch: i64, position: i64) -> Event {
    Event {
        position: Position(position),
        epoch: Epoch(epoch),
        conversation: ROOM,
        kind: EventKind::MessageCreated,
        message: None,
        sender: USER,
        created_at: Time::UNIX_EPOCH,
        payload: Payload("{}".into()),
    }
}

async fn within_a_minute<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it happens within a minute")
}

#[tokio::test(start_paused = true)]
async fn a_handed_batch_that_comes_next_is_published_without_a_read() {
    let mut node = Node::start().await;
    let started = Instant::now();
    node.store(1, 11..=13);
    node.hand_over(1, 11..=12).await;
    node.hand_over(1, [13]).await;
    node.reached(13).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(node.reads(), NOTHING);
    assert_eq!(node.received(), [11, 12, 13]);
}

#[tokio::test(start_paused = true)]
async fn a_handed_batch_that_does_not_come_next_leads_to_a_read_at_once() {
    let mut node = Node::start().await;
    let started = Instant::now();
    // 11 and 12 are another node's.
    node.store(1, 11..=13);
    node.hand_over(1, [13]).await;
    node.reached(13).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(node.reads(), [10]);
    assert_eq!(node.received(), [11, 12, 13]);
}

#[tokio::test(start_paused = true)]
async fn a_handed_batch_that_was_read_already_is_not_published_again() {
    let node = Node::start().await;
    node.store(1, 11..=13);
    node.head.send_replace(Position(13));
    node.reached(13).await;
    node.store(1, [14]);
    node.hand_over(1, 11..=12).await;
    node.hand_over(1, 13..=14).await;
    node.reached(14).await;
    assert_eq!(node.hub.published(), cursor(1, 14));
    assert_eq!(node.received(), [11, 12, 13, 14]);
}

#[tokio::test(start_paused = true)]
async fn a_handed_batch_of_another_epoch_is_judged_by_the_log() {
    let mut node = Node::start().await;
    node.begin_epoch(2, 11);
    node.store(2, [11]);
    node.hand_over(2, [11]).await;
    assert_eq!(node.closed().await, Close::Rebased);
    assert_eq!(node.reads(), [10]);
    assert_eq!(node.hub.published(), cursor(2, 11));
}

#[tokio::test(start_paused = true)]
async fn the_poll_finds_within_a_second_what_nobody_told_of() {
    let node = Node::start().await;
    let started = Instant::now();
    node.store(1, 11..=12);
    node.reached(12).await;
    assert!(started.elapsed() <= Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(node.received(), [11, 12]);
}

#[tokio::test(start_paused = true)]
async fn a_hint_leads_to_a_read_at_once() {
    let mut node = Node::start().await;
    let started = Instant::now();
    node.store(1, 11..=12);
    node.head.send_replace(Position(11));
    node.reached(12).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(node.reads(), [10]);
}

#[tokio::test(start_paused = true)]
async fn a_hint_at_what_is_published_leads_to_no_read() {
    for hint in [11, 12] {
        let mut node = Node::start().await;
        let started = Instant::now();
        node.store(1, 11..=12);
        node.hand_over(1, 11..=12).await;
        node.reached(12).await;
        node.head.send_replace(Position(hint));
        assert_eq!(node.read().await, 12);
        assert_eq!(started.elapsed().as_secs(), 1, "that was not the poll");
    }
}

#[tokio::test(start_paused = true)]
async fn handed_batches_that_a_read_has_overtaken_lead_to_no_other() {
    let mut node = Node::start().await;
    node.store(1, 11..=14);
    node.hand_over(1, [12]).await;
    node.hand_over(1, 13..=14).await;
    node.hand_over(1, [15]).await;
    node.reached(15).await;
    assert_eq!(node.reads(), [10]);
    assert_eq!(node.received(), [11, 12, 13, 14, 15]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_news_or_for_an_epoch_leads_to_a_read_at_once() {
    let mut node = Node::start().await;
    let started = Instant::now();
    node.store(1, 11..=12);
    within_a_minute(node.hub.reached(cursor(1, 12))).await;
    node.begin_epoch(2, 12);
    within_a_minute(node.hub.reached(cursor(2, 11))).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(node.reads(), [10, 12, 11]);
}

#[tokio::test(start_paused = true)]
async fn full_pages_are_read_one_after_the_other_without_a_pause() {
    let mut node = Node::start().await;
    node.store(1, 11..=2_510);
    node.head.send_replace(Position(2_510));
    let started = Instant::now();
    node.reached(2_510).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(node.reads(), [10, 1_010, 2_010]);
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_begins_above_the_tail_goes_on_from_there() {
    let mut node = Node::start().await;
    node.store(1, 11..=12);
    node.begin_epoch(2, 13);
    node.store(2, 13..=14);
    assert_eq!(node.closed().await, Close::Rebased);
    node.reached(14).await;
    assert_eq!(node.hub.published(), cursor(2, 14));
    // All of it came with the read that told of the epoch.
    assert_eq!(node.reads(), [10]);
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_begins_below_the_tail_rebases_to_before_its_first_position() {
    let mut node = Node::start().await;
    node.store(1, 1..=10);
    node.begin_epoch(2, 8);
    node.store(2, 8..=11);
    assert_eq!(node.closed().await, Close::Rebased);
    node.reached(11).await;
    assert_eq!(node.hub.published(), cursor(2, 11));
    assert_eq!(node.reads(), [10, 7]);
    assert_eq!(node.received(), NOTHING);
}

#[tokio::test(start_paused = true)]
async fn an_epoch_without_events_takes_the_tail_back() {
    let node = Node::start().await;
    node.begin_epoch(2, 8);
    assert_eq!(node.closed().await, Close::Rebased);
    assert_eq!(node.hub.published(), cursor(2, 7));
    node.store(2, [8]);
    let client = subscribe(&node.hub);
    reached(&node.hub, &client, 8).await;
    assert_eq!(client.take().events.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_gap_rebases_to_behind_it() {
    for found in [vec![12, 13], vec![11, 13]] {
        let node = Node::start().await;
        node.store(1, found.clone());
        assert_eq!(node.closed().await, Close::Rebased, "{found:?}");
        assert_eq!(node.received(), NOTHING);
        assert_eq!(node.hub.published(), cursor(1, 13));
        // From there it goes on as ever.
        node.store(1, [14]);
        let client = subscribe(&node.hub);
        reached(&node.hub, &client, 14).await;
        assert_eq!(client.take().events.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn silence_of_15_s_ends_subscriptions_as_unavailable() {
    let node = Node::start().await;
    let started = Instant::now();
    node.stored.lock().unwrap().down = true;
    assert_eq!(node.closed().await, Close::Unavailable);
    let silent = started.elapsed();
    assert!((15..=16).contains(&silent.as_secs()), "{silent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shorter_silence_ends_nothing_and_is_made_up_for() {
    let mut node = Node::start().await;
    node.stored.lock().unwrap().down = true;
    for _ in 0..14 {
        node.read().await;
    }
    assert!(!node.tailer.is_in_touch());
    node.store(1, 11..=12);
    node.stored.lock().unwrap().down = false;
    node.reached(12).await;
    assert!(node.tailer.is_in_touch());
    // The 15 s begin anew.
    node.stored.lock().unwrap().down = true;
    for _ in 0..14 {
        node.read().await;
    }
    assert_eq!((node.queue.closed(), node.received()), (None, vec![11, 12]));
}

#[tokio::test(start_paused = true)]
async fn whose_token_has_ended_is_told_within_half_a_second() {
    let node = Node::start().await;
    let started = Instant::now();
    let queue = node.hub.enlist(Subscriber { expires_at: std::time::Instant::now(), ..subscriber() });
    within_a_minute(queue.wait()).await;
    assert_eq!(queue.closed(), Some(Close::Expired));
    assert!(started.elapsed() <= Duration::from_millis(500), "{:?}", started.elapsed());
    assert_eq!(node.queue.closed(), None);
}
