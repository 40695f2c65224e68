//! The writer over an appender that does nothing: each attempt waits until the test answers it.

use super::*;
use crate::ids::{ConversationId, Position, UserId, WriteId};
use crate::log::event::{EventPayload, NewEvent, WriteKey};
use crate::log::writer::changes::change::{Change, ChangeError, ChangeFuture, ChangeOutcome, LockedHead, QueuedChange};
use crate::log::writer::commit_feed::FeedItem;
use crate::log::writer::queue::{CALLER_TIMEOUT, MAX_QUEUED_WRITES};
use crate::store::{Connection, EventKind, Time};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

#[path = "feed.rs"]
mod feed;
#[path = "limits.rs"]
mod limits;
#[path = "retries.rs"]
mod retries;

const WRITER_EPOCH: Epoch = Epoch(4);
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

struct TestWriter {
    writer: Writer,
    attempts: mpsc::UnboundedReceiver<Attempt>,
    committed: CommitFeed,
    shutdown: Shutdown,
}

impl TestWriter {
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
        let items = std::iter::from_fn(|| self.committed.next().now_or_never().flatten());
        let batches = items.filter_map(|item| if let FeedItem::Committed(batch) = item { Some(batch) } else { None });
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
    Ok(AppendedBatch { epoch: WRITER_EPOCH, created_at: Time::UNIX_EPOCH, outcomes: outcomes.into_iter().collect() })
}

/// All appended, at these positions.
fn appended(positions: impl IntoIterator<Item = i64>) -> Result<AppendedBatch, AttemptError> {
    done(positions.into_iter().map(|position| AppendOutcome::Appended(Position(position))))
}

/// What a caller learnt, in the words of the appender.
async fn outcome_of(call: Call<Sent>) -> Result<AppendOutcome, WriteError> {
    Ok(match call.await? {
        SendOutcome::Appended(event) => AppendOutcome::Appended(event.position),
        SendOutcome::Recovered(position) | SendOutcome::Replayed(position) => AppendOutcome::Known(position),
    })
}

async fn outcomes_of(calls: Vec<Call<Sent>>) -> Vec<Result<AppendOutcome, WriteError>> {
    futures_util::future::join_all(calls.into_iter().map(outcome_of)).await
}

#[tokio::test(start_paused = true)]
async fn queued_sends_go_into_one_batch() {
    let mut writer = TestWriter::start();
    let calls = writer.sends(1..=3);
    writer.append(1..=3).await.send(appended(7..=9)).unwrap();
    let expected: Vec<_> = (7..=9).map(|position| Ok(AppendOutcome::Appended(Position(position)))).collect();
    assert_eq!(outcomes_of(calls).await, expected);
}

#[tokio::test(start_paused = true)]
async fn callers_are_answered_when_the_appender_has_answered_and_not_before() {
    let mut writer = TestWriter::start();
    let mut calls = writer.sends(1..=3);
    let answer = writer.append(1..=3).await;
    tokio::time::advance(CALLER_TIMEOUT / 2).await;
    assert!(calls.iter_mut().all(|call| call.now_or_never().is_none()));
    answer.send(appended(1..=3)).unwrap();
    assert!(outcomes_of(calls).await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn next_batch_fills_while_the_last_one_is_under_way() {
    let mut writer = TestWriter::start();
    let first = writer.send(1);
    let answer = writer.append([1]).await;
    let second = writer.send(2);
    tokio::time::advance(Duration::from_secs(1)).await;
    let third = writer.send(3);
    assert!(writer.attempts.try_recv().is_err(), "two attempts at once");
    answer.send(appended([1])).unwrap();
    outcome_of(first).await.unwrap();
    writer.append([2, 3]).await.send(appended([2, 3])).unwrap();
    assert!(outcomes_of(vec![second, third]).await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn batch_has_at_most_1000_events() {
    let mut writer = TestWriter::start();
    let calls = writer.sends(1..=2_500);
    writer.append(1..=1_000).await.send(appended(1..=1_000)).unwrap();
    writer.append(1_001..=2_000).await.send(appended(1_001..=2_000)).unwrap();
    writer.append(2_001..=2_500).await.send(appended(2_001..=2_500)).unwrap();
    let expected: Vec<_> = (1..=2_500).map(|position| Ok(AppendOutcome::Appended(Position(position)))).collect();
    assert_eq!(outcomes_of(calls).await, expected);
}

#[tokio::test(start_paused = true)]
async fn repeated_id_ends_the_batch() {
    let mut writer = TestWriter::start();
    let calls = writer.sends([1, 2, 1, 3]);
    writer.append([1, 2]).await.send(appended([5, 6])).unwrap();
    let repeated = [AppendOutcome::Known(Position(5)), AppendOutcome::Appended(Position(7))];
    writer.append([1, 3]).await.send(done(repeated)).unwrap();
    let first = [AppendOutcome::Appended(Position(5)), AppendOutcome::Appended(Position(6))];
    assert_eq!(outcomes_of(calls).await, first.into_iter().chain(repeated).map(Ok).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn change_ends_the_batch_and_follows_it() {
    let mut writer = TestWriter::start();
    let before = writer.sends([1, 2]);
    let change = writer.change(3);
    let after = writer.send(4);
    writer.append([1, 2]).await.send(appended([1, 2])).unwrap();
    writer.apply(3).await.send(Ok((ApplyOutcome::Replayed(Position(3)), WRITER_EPOCH))).unwrap();
    writer.append([4]).await.send(appended([4])).unwrap();
    assert!(outcomes_of(before).await.iter().all(Result::is_ok));
    assert!(matches!(change.await, Ok(ChangeOutcome::Replayed(Position(3)))));
    assert_eq!(outcome_of(after).await, Ok(AppendOutcome::Appended(Position(4))));
}

#[tokio::test(start_paused = true)]
async fn caller_learns_the_outcome_of_its_own_event() {
    let mut writer = TestWriter::start();
    let calls = writer.sends(1..=6);
    let outcomes = [
        AppendOutcome::Known(Position(3)),
        AppendOutcome::Appended(Position(8)),
        AppendOutcome::Reused,
        AppendOutcome::Taken,
        AppendOutcome::NotMember,
        AppendOutcome::Appended(Position(9)),
    ];
    writer.append(1..=6).await.send(done(outcomes)).unwrap();
    let expected = [
        Ok(AppendOutcome::Known(Position(3))),
        Ok(AppendOutcome::Appended(Position(8))),
        Err(WriteError::Reused),
        Err(WriteError::Taken),
        Err(WriteError::NotMember),
        Ok(AppendOutcome::Appended(Position(9))),
    ];
    assert_eq!(outcomes_of(calls).await, expected);
}

#[tokio::test(start_paused = true)]
async fn change_with_a_used_id_is_refused() {
    let mut writer = TestWriter::start();
    let calls = [writer.change(1), writer.change(2)];
    writer.apply(1).await.send(Ok((ApplyOutcome::Reused, WRITER_EPOCH))).unwrap();
    writer.apply(2).await.send(Ok((ApplyOutcome::Taken, WRITER_EPOCH))).unwrap();
    let [reused, taken] = calls;
    assert!(matches!(reused.await, Err(ChangeError::Write(WriteError::Reused))));
    assert!(matches!(taken.await, Err(ChangeError::Write(WriteError::Taken))));
}
