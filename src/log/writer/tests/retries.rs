//! What the writer does when an attempt fails.

use super::*;

fn unknown<T>() -> Result<T, AttemptError> {
    Err(AttemptError::Unknown("connection lost".into()))
}

fn unavailable<T>() -> Result<T, AttemptError> {
    Err(AttemptError::Unavailable("no route".into()))
}

fn refused<T>() -> Result<T, AttemptError> {
    Err(AttemptError::Refused("bad data".into()))
}

#[tokio::test(start_paused = true)]
async fn batch_of_unknown_outcome_is_repeated_whole_and_in_order_before_anything_else() {
    let mut writer = TestWriter::start();
    let mut calls = writer.sends(1..=3);
    let answer = writer.append(1..=3).await;
    let next = writer.send(4);
    answer.send(unknown()).ok();
    let answer = writer.append(1..=3).await;
    // Whoever gives up takes nothing out of a batch that may be in the log.
    drop(calls.remove(1));
    answer.send(unknown()).ok();
    let answer = writer.append(1..=3).await;
    assert!(calls.iter_mut().all(|call| call.now_or_never().is_none()));
    answer.send(done((1..=3).map(|position| AppendOutcome::Known(Position(position))))).unwrap();
    let expected = [1, 3].map(|position| Ok(AppendOutcome::Known(Position(position))));
    assert_eq!(outcomes_of(calls).await, expected);
    writer.append([4]).await.send(appended([4])).unwrap();
    assert_eq!(outcome_of(next).await, Ok(AppendOutcome::Appended(Position(4))));
}

#[tokio::test(start_paused = true)]
async fn batch_of_unknown_outcome_is_repeated_when_all_callers_have_given_up() {
    let mut writer = TestWriter::start();
    let calls = writer.sends([1, 2]);
    let answer = writer.append([1, 2]).await;
    drop(calls);
    let next = writer.send(3);
    answer.send(unknown()).ok();
    writer.append([1, 2]).await.send(appended([1, 2])).unwrap();
    writer.append([3]).await.send(appended([3])).unwrap();
    outcome_of(next).await.unwrap();
    assert_eq!(writer.committed().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn unknown_outcome_stays_unknown_when_the_next_attempt_cannot_be_made() {
    let mut writer = TestWriter::start();
    let call = writer.send(1);
    writer.append([1]).await.send(unknown()).ok();
    let answer = writer.append([1]).await;
    drop(call);
    let _next = writer.send(2);
    answer.send(unavailable()).ok();
    writer.append([1]).await.send(appended([1])).unwrap();
    writer.append([2]).await;
}

#[tokio::test(start_paused = true)]
async fn change_of_unknown_outcome_is_repeated_when_its_caller_has_given_up() {
    let mut writer = TestWriter::start();
    let call = writer.change(1);
    let answer = writer.apply(1).await;
    drop(call);
    let _next = writer.send(2);
    answer.send(unknown()).ok();
    writer.apply(1).await.send(unavailable()).ok();
    writer.apply(1).await.send(Ok((ApplyOutcome::Replayed(Position(1)), WRITER_EPOCH))).ok();
    writer.append([2]).await;
}

#[tokio::test(start_paused = true)]
async fn abandoned_writes_are_dropped_while_postgresql_is_unavailable() {
    let mut writer = TestWriter::start();
    let (calls, change, next) = (writer.sends([1, 2]), writer.change(3), writer.send(4));
    let answer = writer.append([1, 2]).await;
    drop(calls);
    answer.send(unavailable()).ok();
    let answer = writer.apply(3).await;
    drop(change);
    answer.send(unavailable()).ok();
    writer.append([4]).await.send(appended([1])).unwrap();
    assert_eq!(outcome_of(next).await, Ok(AppendOutcome::Appended(Position(1))));
}

#[tokio::test(start_paused = true)]
async fn awaited_writes_are_kept_while_postgresql_is_unavailable() {
    let mut writer = TestWriter::start();
    let (calls, change) = (writer.sends([1, 2]), writer.change(3));
    for _ in 0..5 {
        writer.append([1, 2]).await.send(unavailable()).ok();
    }
    writer.append([1, 2]).await.send(appended([1, 2])).unwrap();
    assert!(outcomes_of(calls).await.iter().all(Result::is_ok));
    writer.apply(3).await.send(unavailable()).ok();
    writer.apply(3).await.send(Ok((ApplyOutcome::Replayed(Position(3)), WRITER_EPOCH))).unwrap();
    assert!(matches!(change.await, Ok(ChangeOutcome::Replayed(Position(3)))));
}

#[tokio::test(start_paused = true)]
async fn writes_abandoned_in_the_queue_are_never_attempted() {
    let mut writer = TestWriter::start();
    let mut calls = writer.sends(1..=3);
    let change = writer.change(4);
    drop((calls.remove(1), change));
    let next = writer.send(5);
    writer.append([1, 3]).await.send(appended([1, 2])).unwrap();
    assert!(outcomes_of(calls).await.iter().all(Result::is_ok));
    writer.append([5]).await.send(appended([3])).unwrap();
    outcome_of(next).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn refused_batch_is_retried_one_by_one_so_that_one_bad_event_fails_alone() {
    let mut writer = TestWriter::start();
    let calls = writer.sends(1..=3);
    writer.append(1..=3).await.send(refused()).ok();
    writer.append([1]).await.send(appended([1])).unwrap();
    writer.append([2]).await.send(refused()).ok();
    // One of them may meet an unknown outcome in its turn.
    writer.append([3]).await.send(unknown()).ok();
    writer.append([3]).await.send(appended([2])).unwrap();
    let expected =
        [Ok(AppendOutcome::Appended(Position(1))), Err(WriteError::Failed), Ok(AppendOutcome::Appended(Position(2)))];
    assert_eq!(outcomes_of(calls).await, expected);
}

#[tokio::test(start_paused = true)]
async fn refusal_leaves_an_earlier_unknown_outcome_unknown() {
    let mut writer = TestWriter::start();
    let (calls, change) = (writer.sends([1, 2]), writer.change(3));
    writer.append([1, 2]).await.send(unknown()).ok();
    writer.append([1, 2]).await.send(refused()).ok();
    writer.append([1]).await.send(refused()).ok();
    writer.append([2]).await.send(done([AppendOutcome::Known(Position(1))])).unwrap();
    assert_eq!(outcomes_of(calls).await, [Err(WriteError::Unresolved), Ok(AppendOutcome::Known(Position(1)))]);
    writer.apply(3).await.send(unknown()).ok();
    writer.apply(3).await.send(refused()).ok();
    assert!(matches!(change.await, Err(ChangeError::Write(WriteError::Unresolved))));
}

fn locked<T>() -> Result<T, AttemptError> {
    Err(AttemptError::Locked("a row".into()))
}

#[tokio::test(start_paused = true)]
async fn change_that_waited_for_a_locked_row_fails_and_is_not_repeated() {
    let mut writer = TestWriter::start();
    let (change, next) = (writer.change(1), writer.send(2));
    writer.apply(1).await.send(locked()).ok();
    assert!(matches!(change.await, Err(ChangeError::Write(WriteError::Locked))));
    writer.append([2]).await.send(appended([1])).unwrap();
    outcome_of(next).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn change_of_unknown_outcome_that_waits_for_a_locked_row_is_repeated_until_it_is_known() {
    let mut writer = TestWriter::start();
    let mut change = writer.change(1);
    writer.apply(1).await.send(unknown()).ok();
    for _ in 0..3 {
        writer.apply(1).await.send(locked()).ok();
    }
    let answer = writer.apply(1).await;
    assert!((&mut change).now_or_never().is_none(), "answered before the outcome is known");
    answer.send(Ok((ApplyOutcome::Replayed(Position(1)), WRITER_EPOCH))).ok();
    assert!(matches!(change.await, Ok(ChangeOutcome::Replayed(Position(1)))));
}

#[tokio::test(start_paused = true)]
async fn refused_change_fails_and_is_not_repeated() {
    let mut writer = TestWriter::start();
    let (change, next) = (writer.change(1), writer.send(2));
    writer.apply(1).await.send(refused()).ok();
    assert!(matches!(change.await, Err(ChangeError::Write(WriteError::Failed))));
    writer.append([2]).await.send(appended([1])).unwrap();
    outcome_of(next).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pauses_between_attempts_double_from_50_ms_to_1_s_with_jitter() {
    let mut writer = TestWriter::start();
    let _call = writer.send(1);
    let mut last = Instant::now();
    writer.append([1]).await.send(unavailable()).ok();
    for most_ms in [50, 100, 200, 400, 800, 1_000, 1_000] {
        let answer = writer.append([1]).await;
        let paused_ms = last.elapsed().as_millis();
        // The clock of tokio rounds up to whole milliseconds.
        assert!((most_ms / 2..=most_ms + 1).contains(&paused_ms), "{paused_ms} ms instead of at most {most_ms}");
        last = Instant::now();
        answer.send(unavailable()).ok();
    }
}

#[tokio::test(start_paused = true)]
async fn repeat_that_finds_the_write_of_its_own_call_is_no_replay() {
    let mut writer = TestWriter::start();
    let call = writer.send(1);
    writer.append([1]).await.send(unknown()).ok();
    writer.append([1]).await.send(done([AppendOutcome::Known(Position(1))])).unwrap();
    assert!(matches!(call.await, Ok(SendOutcome::Recovered(Position(1)))), "answered as a replay");
}

#[tokio::test(start_paused = true)]
async fn repeat_that_finds_an_event_older_than_its_first_attempt_is_a_replay() {
    let mut writer = TestWriter::start();
    let calls = writer.sends([1, 2]);
    writer.append([1, 2]).await.send(unknown()).ok();
    writer.append([1, 2]).await.send(done([AppendOutcome::Known(KNOWN), AppendOutcome::Known(KNOWN.next())])).unwrap();
    let [before, own] = futures_util::future::join_all(calls).await.try_into().unwrap();
    assert!(matches!(before, Ok(SendOutcome::Replayed(KNOWN))));
    assert!(matches!(own, Ok(SendOutcome::Recovered(position)) if position == KNOWN.next()));
}

#[tokio::test(start_paused = true)]
async fn write_that_is_known_at_its_first_attempt_is_a_replay() {
    let mut writer = TestWriter::start();
    let call = writer.send(1);
    writer.append([1]).await.send(unavailable()).ok();
    writer.append([1]).await.send(done([AppendOutcome::Known(Position(9))])).unwrap();
    assert!(matches!(call.await, Ok(SendOutcome::Replayed(Position(9)))));
}
