//! How much may wait for the writer, how long, and how it ends.

use super::*;

#[tokio::test(start_paused = true)]
async fn full_queue_answers_busy() {
    let mut writer = TestWriter::start();
    let first = writer.send(1);
    let answer = writer.append([1]).await;
    let waiting = writer.sends(2..2 + MAX_QUEUED_WRITES as u128);
    let asked = Instant::now();
    assert_eq!(writer.writer.send(event(0)).await.unwrap_err(), WriteError::Busy);
    assert!(matches!(writer.writer.change(Rename(key(0))).await, Err(ChangeError::Write(WriteError::Busy))));
    assert_eq!(asked.elapsed(), Duration::ZERO);
    answer.send(appended([1])).unwrap();
    outcome_of(first).await.unwrap();
    let _answer = writer.append(2..=1_001).await;
    // There is room again.
    let more = writer.sends(10_001..=11_000);
    drop((waiting, more));
}

#[tokio::test(start_paused = true)]
async fn caller_learns_after_10_s_that_its_outcome_is_unknown() {
    let mut writer = TestWriter::start();
    let (asked, send, change) = (Instant::now(), writer.send(1), writer.change(2));
    let answer = writer.append([1]).await;
    assert_eq!(outcome_of(send).await, Err(WriteError::Unresolved));
    assert!(matches!(change.await, Err(ChangeError::Write(WriteError::Unresolved))));
    assert_eq!(asked.elapsed().as_secs(), 10);
    // The outcome still counts.
    answer.send(appended([1])).unwrap();
    let next = writer.send(3);
    writer.append([3]).await.send(appended([2])).unwrap();
    outcome_of(next).await.unwrap();
    assert_eq!(writer.committed().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn writer_ends_when_its_last_handle_is_dropped_and_nothing_waits() {
    let mut writer = TestWriter::start();
    let call = writer.send(1);
    // Its own handle is gone; the call still holds one.
    writer.writer = TestWriter::start().writer;
    assert!(!writer.shutdown.wait(Duration::from_secs(1)).await, "it ended before what waited");
    writer.append([1]).await.send(appended([1])).unwrap();
    outcome_of(call).await.unwrap();
    assert!(writer.shutdown.wait(Duration::from_secs(1)).await, "it did not end");
}

#[tokio::test(start_paused = true)]
async fn queue_of_64_mib_answers_busy() {
    let mut writer = TestWriter::start();
    let first = writer.send(1);
    let answer = writer.append([1]).await;
    let mut waiting = Vec::new();
    let mut queued_bytes = 0;
    for id in 2..=100 {
        let writer = writer.writer.clone();
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
    outcome_of(first).await.unwrap();
    // What was answered leaves room for as much again.
    let Attempt::Append(ids, answer) = writer.attempt().await else { panic!("a change, not an append") };
    answer.send(appended(2..2 + ids.len() as i64)).unwrap();
    for call in waiting.drain(..ids.len()) {
        call.await.unwrap();
    }
    let _room = writer.sends(1_000..1_010);
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
async fn ended_writer_says_so_and_answers_busy() {
    let (writer, _feed) = start(PanickingAppender, &Shutdown::default());
    assert!(writer.is_running());
    assert_eq!(writer.send(event(1)).await.unwrap_err(), WriteError::Unresolved);
    assert!(!writer.is_running());
    assert_eq!(writer.send(event(2)).await.unwrap_err(), WriteError::Busy);
}
