//! The tailer over a log in memory, which tells the test of every read, and a hub that does nothing but remember.

use super::*;
use crate::delivery::command::Command;
use crate::delivery::inbox::{HubInbox, PublishedRange};
use crate::delivery::samples::{NOTHING, cursor_of, message, room, under};
use crate::delivery::waker::LoopWaker;
use crate::log::{CommitFeedSender, CommittedBatch};
use std::sync::Mutex;
use tokio::sync::{Notify, mpsc};

#[path = "tailer_epochs.rs"]
mod epochs;

/// Where the hub is when a test begins.
const HEAD: Position = Position(10);

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

impl LogSource for Fake {
    async fn read(&mut self, after: Position, limit: usize) -> Result<Tail, StoreError> {
        self.reads.send(after.0).ok();
        let stored = lock(&self.stored);
        if stored.down {
            return Err(StoreError::Unreachable("down".into()));
        }
        let events = stored.events.iter().filter(|event| event.position > after).take(limit).cloned().collect();
        Ok(Tail { epoch: Epoch(stored.epoch), first: Position(stored.first), events })
    }
}

/// What the hub was told.
#[derive(Debug, PartialEq)]
enum Told {
    Published(i64, Vec<i64>),
    Rebased(Cursor),
    Closed(CloseReason),
}

/// A tailer, and what the hub is told.
struct Node {
    hub: Hub,
    tailer: Tailer,
    told: mpsc::UnboundedReceiver<Told>,
    range: watch::Receiver<PublishedRange>,
    stored: Arc<Mutex<Stored>>,
    reads: mpsc::UnboundedReceiver<i64>,
    commits: CommitFeedSender,
    head: watch::Sender<Position>,
}

impl Node {
    /// Starts a tailer, which looks once into a log where it finds nothing new.
    async fn start() -> Self {
        let wake = Arc::new(Notify::new());
        let woken = wake.clone();
        let waker = LoopWaker::new(move || wake.notify_one());
        let (hub, inbox) = Hub::detached(cursor(1, HEAD.0), waker);
        let range = inbox.range.subscribe();
        let (tell, told) = mpsc::unbounded_channel();
        tokio::spawn(remember(inbox, woken, tell));
        let stored = Arc::new(Mutex::new(Stored { epoch: 1, first: 1, ..Stored::default() }));
        let (sender, reads) = mpsc::unbounded_channel();
        let (commits, handed) = crate::log::commit_feed();
        let head = watch::Sender::new(Position::ZERO);
        let source = Fake { stored: stored.clone(), reads: sender };
        let tailer = Tailer::start(hub.clone(), source, handed, head.subscribe(), &Shutdown::default());
        let mut node = Self { hub, tailer, told, range, stored, reads, commits, head };
        assert_eq!(node.read().await, HEAD.0);
        node
    }

    /// Waits for the next read; answers what it was to follow.
    async fn read(&mut self) -> i64 {
        within_a_minute(self.reads.recv()).await.expect("it reads on")
    }

    /// The reads that were made since the last look.
    fn reads(&mut self) -> Vec<i64> {
        std::iter::from_fn(|| self.reads.try_recv().ok()).collect()
    }

    /// Puts events into the log.
    fn store(&self, epoch: i64, positions: impl IntoIterator<Item = i64>) {
        let events = positions.into_iter().map(|position| event(epoch, position));
        lock(&self.stored).events.extend(events);
    }

    /// Declares an epoch that owns the log from `first` on; what stood there is lost.
    fn begin_epoch(&self, epoch: i64, first: i64) {
        let mut stored = lock(&self.stored);
        stored.events.retain(|event| event.position.0 < first);
        (stored.epoch, stored.first) = (epoch, first);
    }

    fn take_down(&self, down: bool) {
        lock(&self.stored).down = down;
    }

    fn hand_over(&self, epoch: i64, positions: impl IntoIterator<Item = i64>) {
        let events = positions.into_iter().map(|position| Arc::new(event(epoch, position))).collect();
        self.commits.put(CommittedBatch { epoch: Epoch(epoch), events });
    }

    /// Puts events up to `last` into the log, and hints at them while the writer is at work: nothing is read yet.
    async fn hear_during_an_attempt(&mut self, last: i64) {
        self.store(1, HEAD.0 + 1..=last);
        self.commits.begin();
        self.head.send_replace(Position(last));
        tokio::task::yield_now().await;
        assert_eq!(self.reads(), NOTHING);
    }

    /// Waits until the hub is at a position. [`Hub::request_until`] would lead to a read.
    async fn reached(&mut self, epoch: i64, position: i64) {
        let at = |range: &PublishedRange| range.head == cursor(epoch, position);
        within_a_minute(self.range.wait_for(at)).await.expect("the hub runs");
    }

    /// Waits for what the hub is told next.
    async fn told(&mut self) -> Told {
        within_a_minute(self.told.recv()).await.expect("the hub runs")
    }

    /// The events that were published since the last look, and nothing else happened.
    fn published(&mut self) -> Vec<i64> {
        let told = std::iter::from_fn(|| self.told.try_recv().ok());
        let events = told.flat_map(|told| match told {
            Told::Published(_, positions) => positions,
            other => panic!("not published: {other:?}"),
        });
        events.collect()
    }
}

/// Does as the hub does.
async fn remember(mut inbox: HubInbox, woken: Arc<Notify>, tell: mpsc::UnboundedSender<Told>) {
    loop {
        inbox.waker.fall_asleep();
        if let Some(reason) = inbox.control.take().close_all {
            tell.send(Told::Closed(reason)).ok();
        }
        while let Ok(command) = inbox.commands.try_recv() {
            let floor = inbox.range.borrow().floor;
            let (told, range) = match command {
                Command::Publish(epoch, events) => {
                    let positions: Vec<_> = events.iter().map(|event| event.position.0).collect();
                    let head = cursor(epoch.0, *positions.last().expect("there is something to publish"));
                    (Told::Published(epoch.0, positions), PublishedRange { head, floor })
                }
                Command::Rebase(head) => (Told::Rebased(head), PublishedRange { head, floor: head.position }),
                _ => panic!("the tailer tells nothing else"),
            };
            tell.send(told).ok();
            inbox.range.send_replace(range);
        }
        woken.notified().await;
    }
}

fn lock(stored: &Mutex<Stored>) -> std::sync::MutexGuard<'_, Stored> {
    stored.lock().expect("nobody panics with it")
}

fn cursor(epoch: i64, position: i64) -> Cursor {
    cursor_of(Epoch(epoch), position)
}

fn event(epoch: i64, position: i64) -> Event {
    Event::clone(&under(Epoch(epoch), &message(position, room(1))))
}

async fn within_a_minute<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it happens within a minute")
}

#[tokio::test(start_paused = true)]
async fn committed_batch_that_comes_next_is_published_without_a_read() {
    let mut node = Node::start().await;
    let started = Instant::now();
    node.store(1, 11..=13);
    node.hand_over(1, 11..=12);
    node.hand_over(1, [13]);
    node.reached(1, 13).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(node.published(), [11, 12, 13]);
    // Nor does one follow before the poll.
    assert_eq!(node.read().await, 13);
    assert_eq!(started.elapsed(), POLL_EVERY);
}

#[tokio::test(start_paused = true)]
async fn committed_batch_that_does_not_come_next_leads_to_a_read_at_once() {
    let mut node = Node::start().await;
    let started = Instant::now();
    // 11 and 12 are another node's.
    node.store(1, 11..=13);
    node.hand_over(1, [13]);
    node.reached(1, 13).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(node.reads(), [10]);
    assert_eq!(node.published(), [11, 12, 13]);
}

#[tokio::test(start_paused = true)]
async fn committed_batch_that_was_read_already_is_not_published_again() {
    let mut node = Node::start().await;
    node.store(1, 11..=13);
    node.head.send_replace(Position(13));
    node.reached(1, 13).await;
    node.store(1, [14]);
    node.hand_over(1, 11..=12);
    node.hand_over(1, 13..=14);
    node.reached(1, 14).await;
    assert_eq!(node.published(), [11, 12, 13, 14]);
}

#[tokio::test(start_paused = true)]
async fn poll_of_the_log_finds_events_within_a_second_without_a_hint() {
    let mut node = Node::start().await;
    let started = Instant::now();
    node.store(1, 11..=12);
    node.reached(1, 12).await;
    assert!(started.elapsed() <= Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(node.published(), [11, 12]);
}

#[tokio::test(start_paused = true)]
async fn hint_leads_to_a_read_at_once() {
    let mut node = Node::start().await;
    let started = Instant::now();
    node.store(1, 11..=12);
    node.head.send_replace(Position(11));
    node.reached(1, 12).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(node.reads(), [10]);
}

#[tokio::test(start_paused = true)]
async fn hint_at_a_batch_that_is_about_to_be_committed_leads_to_no_read() {
    let mut node = Node::start().await;
    let started = Instant::now();
    node.hear_during_an_attempt(12).await;
    node.hand_over(1, 11..=12);
    node.commits.end();
    node.reached(1, 12).await;
    assert_eq!(node.read().await, 12);
    assert_eq!(started.elapsed(), POLL_EVERY, "that was not the poll");
}

#[tokio::test(start_paused = true)]
async fn hint_during_an_attempt_that_brings_nothing_leads_to_a_read_at_its_end() {
    let mut node = Node::start().await;
    let started = Instant::now();
    node.hear_during_an_attempt(12).await;
    node.commits.end();
    node.reached(1, 12).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(node.reads(), [10]);
}

#[tokio::test(start_paused = true)]
async fn hint_at_what_is_published_leads_to_no_read() {
    for hint in [11, 12] {
        let mut node = Node::start().await;
        let started = Instant::now();
        node.store(1, 11..=12);
        node.hand_over(1, 11..=12);
        node.reached(1, 12).await;
        node.head.send_replace(Position(hint));
        assert_eq!(node.read().await, 12);
        assert_eq!(started.elapsed().as_secs(), 1, "that was not the poll");
    }
}

#[tokio::test(start_paused = true)]
async fn committed_batches_that_a_read_has_overtaken_lead_to_no_other_read() {
    let mut node = Node::start().await;
    let started = Instant::now();
    node.store(1, 11..=14);
    node.hand_over(1, [12]);
    node.hand_over(1, 13..=14);
    node.hand_over(1, [15]);
    node.reached(1, 15).await;
    assert_eq!(node.published(), [11, 12, 13, 14, 15]);
    assert_eq!([node.read().await, node.read().await], [10, 15]);
    assert_eq!(started.elapsed(), POLL_EVERY);
}

#[tokio::test(start_paused = true)]
async fn full_pages_are_read_one_after_the_other_without_a_pause() {
    let mut node = Node::start().await;
    node.store(1, 11..=2_510);
    node.head.send_replace(Position(2_510));
    let started = Instant::now();
    node.reached(1, 2_510).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(node.reads(), [10, 1_010, 2_010]);
    assert_eq!(node.published(), (11..=2_510).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn silence_of_15_s_ends_subscriptions_as_unavailable() {
    let mut node = Node::start().await;
    let started = Instant::now();
    node.take_down(true);
    assert_eq!(node.told().await, Told::Closed(CloseReason::Unavailable));
    let silent = started.elapsed();
    assert!((15..=16).contains(&silent.as_secs()), "{silent:?}");
}

#[tokio::test(start_paused = true)]
async fn shorter_silence_closes_nothing_and_its_events_are_published_after_it() {
    let mut node = Node::start().await;
    node.take_down(true);
    for _ in 0..14 {
        node.read().await;
    }
    assert!(!node.tailer.is_in_touch());
    node.store(1, 11..=12);
    node.take_down(false);
    node.reached(1, 12).await;
    assert!(node.tailer.is_in_touch());
    assert_eq!(node.published(), [11, 12]);
    // The 15 s begin anew.
    node.take_down(true);
    for _ in 0..14 {
        node.read().await;
    }
    assert_eq!(node.published(), NOTHING);
}
