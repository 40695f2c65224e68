//! How much may wait for the writer, how long, and how it ends.

use super::*;

#[tokio::test(start_paused = true)]
async fn full_queue_answers_busy() {
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
async fn caller_learns_after_10_s_that_its_outcome_is_unknown() {
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
async fn writer_ends_when_its_last_handle_is_dropped_and_nothing_waits() {
    let mut node = Node::start();
    let call = node.send(1);
    // Its own handle is gone; the call still holds one.
    node.writer = Node::start().writer;
    assert!(!node.shutdown.wait(Duration::from_secs(1)).await, "it ended before what waited");
    node.append([1]).await.send(appended([1])).unwrap();
    told(call).await.unwrap();
    assert!(node.shutdown.wait(Duration::from_secs(1)).await, "it did not end");
}

#[tokio::test(start_paused = true)]
async fn queue_of_64_mib_answers_busy() {
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
async fn ended_writer_says_so_and_answers_busy() {
    let (writer, _feed) = start(PanickingAppender, &Shutdown::default());
    assert!(writer.is_running());
    assert_eq!(writer.send(event(1)).await.unwrap_err(), WriteError::Unresolved);
    assert!(!writer.is_running());
    assert_eq!(writer.send(event(2)).await.unwrap_err(), WriteError::Busy);
}
