//! The writer over an appender that does nothing: each attempt waits until the test answers it.

use super::*;
use crate::ids::{ConversationId, Position, UserId, WriteId};
use crate::log::event::{EventPayload, NewEvent, WriteKey};
use crate::log::writer::changes::change::{Change, ChangeError, ChangeFuture, ChangeOutcome, LockedHead, QueuedChange};
use crate::log::writer::queue::{CALLER_TIMEOUT, MAX_QUEUED_WRITES};
use crate::store::{Connection, EventKind, Time};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

#[path = "retries.rs"]
mod retries;

const EPOCH: Epoch = Epoch(4);
/// What the appender has seen committed: the events of these tests stand above it, but for those that were there before.
const KNOWN: Position = Position(0);

/// An attempt of the writer, and where its outcome goes.
enum Attempt {
    Append(Vec<u128>, oneshot::Sender<Result<AppendedBatch, AttemptError>>),
    Change(u128, oneshot::Sender<Result<(ApplyOutcome, Epoch), AttemptError>>),
}

struct FakeAppender(mpsc::UnboundedSender<Attempt>);

impl Appender for FakeAppender {
    fn known(&self) -> Position {
        KNOWN
    }

    async fn append(&mut self, events: &[&NewEvent]) -> Result<AppendedBatch, AttemptError> {
        let (answer, answered) = oneshot::channel();
        let ids = events.iter().map(|event| event.key.id.0.as_u128()).collect();
        self.0.send(Attempt::Append(ids, answer)).ok();
        answered.await.expect("the test answers each attempt")
    }

    async fn change(&mut self, change: &mut PendingChange) -> Result<(ApplyOutcome, Epoch), AttemptError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Attempt::Change(change.key().id.0.as_u128(), answer)).ok();
        answered.await.expect("the test answers each attempt")
    }
}

/// A change that the fake appender never applies.
struct Rename(WriteKey);

impl Change for Rename {
    type Output = ();
    type Rejection = ();

    fn key(&self) -> &WriteKey {
        &self.0
    }

    fn apply<'a>(&'a self, _: &'a mut Connection, _: LockedHead) -> ChangeFuture<'a, (), ()> {
        unreachable!("the appender applies nothing")
    }
}

/// A call that stands in the queue; whoever drops it has given up.
type Call<T> = BoxFuture<'static, T>;
type Sent = Result<SendOutcome, WriteError>;
type Renamed = Result<ChangeOutcome<()>, ChangeError<()>>;

struct Node {
    writer: Writer,
    attempts: mpsc::UnboundedReceiver<Attempt>,
    committed: CommitFeed,
    shutdown: Shutdown,
}

impl Node {
    fn start() -> Self {
        let (sender, attempts) = mpsc::unbounded_channel();
        let shutdown = Shutdown::default();
        let (writer, committed) = start(FakeAppender(sender), &shutdown);
        Self { writer, attempts, committed, shutdown }
    }

    fn send(&self, id: u128) -> Call<Sent> {
        let writer = self.writer.clone();
        queued(Box::pin(async move { writer.send(event(id)).await }))
    }

    fn sends(&self, ids: impl IntoIterator<Item = u128>) -> Vec<Call<Sent>> {
        ids.into_iter().map(|id| self.send(id)).collect()
    }

    fn change(&self, id: u128) -> Call<Renamed> {
        let writer = self.writer.clone();
        queued(Box::pin(async move { writer.change(Rename(key(id))).await }))
    }

    async fn attempt(&mut self) -> Attempt {
        let attempt = tokio::time::timeout(Duration::from_secs(60), self.attempts.recv()).await;
        attempt.expect("there is another attempt").unwrap()
    }

    /// Waits for the next attempt, which must be to append these events.
    async fn append(
        &mut self,
        expected: impl IntoIterator<Item = u128>,
    ) -> oneshot::Sender<Result<AppendedBatch, AttemptError>> {
        let Attempt::Append(ids, answer) = self.attempt().await else { panic!("a change, not an append") };
        assert_eq!(ids, expected.into_iter().collect::<Vec<_>>());
        answer
    }

    /// Waits for the next attempt, which must be this change.
    async fn apply(&mut self, expected: u128) -> oneshot::Sender<Result<(ApplyOutcome, Epoch), AttemptError>> {
        let Attempt::Change(id, answer) = self.attempt().await else { panic!("an append, not a change") };
        assert_eq!(id, expected);
        answer
    }

    /// What was committed over: epoch, and for each event its position and what stands in it.
    fn committed(&mut self) -> Vec<(Epoch, Vec<(i64, String)>)> {
        let batches = std::iter::from_fn(|| self.committed.next().now_or_never().flatten()).flatten();
        let content = |event: &Arc<Event>| (event.position.0, event.payload.0.to_string());
        batches.map(|batch| (batch.epoch, batch.events.iter().map(content).collect())).collect()
    }
}

/// Polls a call once, so that it stands in the queue.
fn queued<T>(mut call: Call<T>) -> Call<T> {
    assert!((&mut call).now_or_never().is_none(), "the call was answered at once");
    call
}

fn key(id: u128) -> WriteKey {
    WriteKey { id: WriteId(Uuid::from_u128(id)), owner: UserId(Uuid::nil()), mac: Vec::new() }
}

fn event(id: u128) -> NewEvent {
    NewEvent {
        key: key(id),
        conversation: ConversationId(Uuid::nil()),
        kind: EventKind::MessageCreated,
        message: None,
        sender: UserId(Uuid::nil()),
        payload: EventPayload(id.to_string().into()),
        reply_to: None,
        mentions: Vec::new(),
        only_for: None,
    }
}

fn done(outcomes: impl IntoIterator<Item = AppendOutcome>) -> Result<AppendedBatch, AttemptError> {
    Ok(AppendedBatch { epoch: EPOCH, created_at: Time::UNIX_EPOCH, outcomes: outcomes.into_iter().collect() })
}

/// All appended, at these positions.
fn appended(positions: impl IntoIterator<Item = i64>) -> Result<AppendedBatch, AttemptError> {
    done(positions.into_iter().map(|position| AppendOutcome::Appended(Position(position))))
}

/// What a caller learnt, in the words of the appender.
async fn told(call: Call<Sent>) -> Result<AppendOutcome, WriteError> {
    Ok(match call.await? {
        SendOutcome::Appended(event) => AppendOutcome::Appended(event.position),
        SendOutcome::Recovered(position) | SendOutcome::Replayed(position) => AppendOutcome::Known(position),
    })
}

async fn all_told(calls: Vec<Call<Sent>>) -> Vec<Result<AppendOutcome, WriteError>> {
    futures_util::future::join_all(calls.into_iter().map(told)).await
}

#[tokio::test(start_paused = true)]
async fn all_that_waits_goes_into_one_batch() {
    let mut node = Node::start();
    let calls = node.sends(1..=3);
    node.append(1..=3).await.send(appended(7..=9)).unwrap();
    let expected: Vec<_> = (7..=9).map(|position| Ok(AppendOutcome::Appended(Position(position)))).collect();
    assert_eq!(all_told(calls).await, expected);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_answered_before_the_appender_has_answered() {
    let mut node = Node::start();
    let mut calls = node.sends(1..=3);
    let answer = node.append(1..=3).await;
    tokio::time::advance(CALLER_TIMEOUT / 2).await;
    assert!(calls.iter_mut().all(|call| call.now_or_never().is_none()));
    answer.send(appended(1..=3)).unwrap();
    assert!(all_told(calls).await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn the_next_batch_fills_while_the_last_one_is_under_way() {
    let mut node = Node::start();
    let first = node.send(1);
    let answer = node.append([1]).await;
    let second = node.send(2);
    tokio::time::advance(Duration::from_secs(1)).await;
    let third = node.send(3);
    assert!(node.attempts.try_recv().is_err(), "two attempts at once");
    answer.send(appended([1])).unwrap();
    told(first).await.unwrap();
    node.append([2, 3]).await.send(appended([2, 3])).unwrap();
    assert!(all_told(vec![second, third]).await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn a_batch_takes_at_most_1000_events() {
    let mut node = Node::start();
    let calls = node.sends(1..=2_500);
    node.append(1..=1_000).await.send(appended(1..=1_000)).unwrap();
    node.append(1_001..=2_000).await.send(appended(1_001..=2_000)).unwrap();
    node.append(2_001..=2_500).await.send(appended(2_001..=2_500)).unwrap();
    let expected: Vec<_> = (1..=2_500).map(|position| Ok(AppendOutcome::Appended(Position(position)))).collect();
    assert_eq!(all_told(calls).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_an_id_ends_the_batch() {
    let mut node = Node::start();
    let calls = node.sends([1, 2, 1, 3]);
    node.append([1, 2]).await.send(appended([5, 6])).unwrap();
    let repeated = [AppendOutcome::Known(Position(5)), AppendOutcome::Appended(Position(7))];
    node.append([1, 3]).await.send(done(repeated)).unwrap();
    let first = [AppendOutcome::Appended(Position(5)), AppendOutcome::Appended(Position(6))];
    assert_eq!(all_told(calls).await, first.into_iter().chain(repeated).map(Ok).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_change_ends_the_batch_and_comes_after_what_was_sent_before_it() {
    let mut node = Node::start();
    let before = node.sends([1, 2]);
    let change = node.change(3);
    let after = node.send(4);
    node.append([1, 2]).await.send(appended([1, 2])).unwrap();
    node.apply(3).await.send(Ok((ApplyOutcome::Replayed(Position(3)), EPOCH))).unwrap();
    node.append([4]).await.send(appended([4])).unwrap();
    assert!(all_told(before).await.iter().all(Result::is_ok));
    assert!(matches!(change.await, Ok(ChangeOutcome::Replayed(Position(3)))));
    assert_eq!(told(after).await, Ok(AppendOutcome::Appended(Position(4))));
}

#[tokio::test(start_paused = true)]
async fn each_caller_learns_the_outcome_of_its_own_event() {
    let mut node = Node::start();
    let calls = node.sends(1..=6);
    let outcomes = [
        AppendOutcome::Known(Position(3)),
        AppendOutcome::Appended(Position(8)),
        AppendOutcome::Reused,
        AppendOutcome::Taken,
        AppendOutcome::NotMember,
        AppendOutcome::Appended(Position(9)),
    ];
    node.append(1..=6).await.send(done(outcomes)).unwrap();
    let expected = [
        Ok(AppendOutcome::Known(Position(3))),
        Ok(AppendOutcome::Appended(Position(8))),
        Err(WriteError::Reused),
        Err(WriteError::Taken),
        Err(WriteError::NotMember),
        Ok(AppendOutcome::Appended(Position(9))),
    ];
    assert_eq!(all_told(calls).await, expected);
}

#[tokio::test(start_paused = true)]
async fn whose_change_has_a_used_id_learns_it() {
    let mut node = Node::start();
    let calls = [node.change(1), node.change(2)];
    node.apply(1).await.send(Ok((ApplyOutcome::Reused, EPOCH))).unwrap();
    node.apply(2).await.send(Ok((ApplyOutcome::Taken, EPOCH))).unwrap();
    let [reused, taken] = calls;
    assert!(matches!(reused.await, Err(ChangeError::Write(WriteError::Reused))));
    assert!(matches!(taken.await, Err(ChangeError::Write(WriteError::Taken))));
}

#[tokio::test(start_paused = true)]
async fn committed_batches_are_handed_over_in_order_with_only_what_was_newly_appended() {
    let mut node = Node::start();
    let mixed = node.sends(1..=4);
    let outcomes = [
        AppendOutcome::Appended(Position(7)),
        AppendOutcome::Known(Position(2)),
        AppendOutcome::NotMember,
        AppendOutcome::Appended(Position(8)),
    ];
    node.append(1..=4).await.send(done(outcomes)).unwrap();
    all_told(mixed).await;
    let repeat = node.send(1);
    node.append([1]).await.send(done([AppendOutcome::Known(Position(7))])).unwrap();
    told(repeat).await.unwrap();
    let next = node.send(5);
    node.append([5]).await.send(appended([9])).unwrap();
    told(next).await.unwrap();
    let expected = [vec![(7, "1".to_owned()), (8, "4".to_owned())], vec![(9, "5".to_owned())]];
    assert_eq!(node.committed(), expected.map(|events| (EPOCH, events)));
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_change_are_handed_over() {
    let mut node = Node::start();
    // As if the appender had applied it.
    let (reply, answer) = oneshot::channel();
    let share = node.writer.capacity.reserve(0).unwrap();
    let waiting =
        QueuedChange { change: Rename(key(1)), _share: share, answer: Some(Ok(())), staged: Vec::new(), reply };
    assert!(node.writer.enqueue(QueueEntry::Change(PendingChange::Transaction(Box::new(waiting)))).is_ok());
    let events = vec![Arc::new(event(1).at(Position(5), EPOCH, Time::UNIX_EPOCH))];
    node.apply(1).await.send(Ok((ApplyOutcome::Applied(events), EPOCH))).unwrap();
    assert!(matches!(answer.await.unwrap(), Ok(ChangeOutcome::Applied((), events)) if events.len() == 1));
    assert_eq!(node.committed(), [(EPOCH, vec![(5, "1".to_owned())])]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_due_from_before_its_attempt_until_it_is_taken_or_the_attempt_has_failed() {
    let mut node = Node::start();
    assert!(!node.committed.is_due());
    let (_send, _change) = (node.send(1), node.change(2));
    let answer = node.append([1]).await;
    assert!(node.committed.is_due());
    answer.send(Err(AttemptError::Unavailable("down".into()))).unwrap();
    assert!(node.committed.next().await.unwrap().is_none());
    assert!(!node.committed.is_due());
    node.append([1]).await.send(appended([5])).unwrap();
    let apply = node.apply(2).await;
    assert_eq!(node.committed().len(), 1);
    assert!(node.committed.is_due(), "the change's");
    apply.send(Ok((ApplyOutcome::Rejected, EPOCH))).unwrap();
    assert!(node.committed.next().await.unwrap().is_none());
    assert!(!node.committed.is_due());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_tailer_that_takes_nothing() {
    let mut node = Node::start();
    for id in 1..=100 {
        let call = node.send(id);
        node.append([id]).await.send(appended([id as i64])).unwrap();
        assert_eq!(told(call).await, Ok(AppendOutcome::Appended(Position(id as i64))));
    }
    assert!(!node.committed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_answers_busy() {
    let mut node = Node::start();
    let first = node.send(1);
    let answer = node.append([1]).await;
    let waiting = node.sends(2..2 + MAX_QUEUED_WRITES as u128);
    let asked = Instant::now();
    assert_eq!(node.writer.send(event(0)).await.unwrap_err(), WriteError::Busy);
    assert!(matches!(node.writer.change(Rename(key(0))).await, Err(ChangeError::Write(WriteError::Busy))));
    assert_eq!(asked.elapsed(), Duration::ZERO);
    answer.send(appended([1])).unwrap();
    told(first).await.unwrap();
    let _answer = node.append(2..=1_001).await;
    // There is room again.
    let more = node.sends(10_001..=11_000);
    drop((waiting, more));
}

#[tokio::test(start_paused = true)]
async fn a_caller_learns_after_10_s_that_its_outcome_is_not_known() {
    let mut node = Node::start();
    let (asked, send, change) = (Instant::now(), node.send(1), node.change(2));
    let answer = node.append([1]).await;
    assert_eq!(told(send).await, Err(WriteError::Unresolved));
    assert!(matches!(change.await, Err(ChangeError::Write(WriteError::Unresolved))));
    assert_eq!(asked.elapsed().as_secs(), 10);
    // The outcome still counts.
    answer.send(appended([1])).unwrap();
    let next = node.send(3);
    node.append([3]).await.send(appended([2])).unwrap();
    told(next).await.unwrap();
    assert_eq!(node.committed().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_writer_ends_when_its_last_door_is_dropped_and_nothing_waits() {
    let mut node = Node::start();
    let call = node.send(1);
    // Its own door is gone; the call still holds one.
    node.writer = Node::start().writer;
    assert!(!node.shutdown.wait(Duration::from_secs(1)).await, "it ended before what waited");
    node.append([1]).await.send(appended([1])).unwrap();
    told(call).await.unwrap();
    assert!(node.shutdown.wait(Duration::from_secs(1)).await, "it did not end");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_holds_64_mib_of_payloads_answers_busy() {
    let mut node = Node::start();
    let first = node.send(1);
    let answer = node.append([1]).await;
    let mut waiting = Vec::new();
    let mut queued_bytes = 0;
    for id in 2..=100 {
        let writer = node.writer.clone();
        let large = NewEvent { payload: EventPayload("x".repeat(1 << 20).into()), ..event(id) };
        let mut call = Box::pin(async move { writer.send(large).await });
        match (&mut call).now_or_never() {
            None => {
                queued_bytes += 1 << 20;
                waiting.push(call);
            }
            Some(answer) => {
                assert_eq!(answer.unwrap_err(), WriteError::Busy);
                break;
            }
        }
    }
    assert!((60 << 20..=64 << 20).contains(&queued_bytes), "{queued_bytes} bytes wait");
    answer.send(appended([1])).unwrap();
    told(first).await.unwrap();
    // What was answered leaves room for as much again.
    let Attempt::Append(ids, answer) = node.attempt().await else { panic!("a change, not an append") };
    answer.send(appended(2..2 + ids.len() as i64)).unwrap();
    for call in waiting.drain(..ids.len()) {
        call.await.unwrap();
    }
    let _room = node.sends(1_000..1_010);
}

/// An appender that has a fault.
struct PanickingAppender;

impl Appender for PanickingAppender {
    fn known(&self) -> Position {
        KNOWN
    }

    async fn append(&mut self, _: &[&NewEvent]) -> Result<AppendedBatch, AttemptError> {
        panic!("on purpose")
    }

    async fn change(&mut self, _: &mut PendingChange) -> Result<(ApplyOutcome, Epoch), AttemptError> {
        panic!("on purpose")
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_has_ended_says_so_and_answers_busy() {
    let (writer, _feed) = start(PanickingAppender, &Shutdown::default());
    assert!(writer.is_running());
    assert_eq!(writer.send(event(1)).await.unwrap_err(), WriteError::Unresolved);
    assert!(!writer.is_running());
    assert_eq!(writer.send(event(2)).await.unwrap_err(), WriteError::Busy);
}
