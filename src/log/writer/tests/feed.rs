//! What the writer puts into the commit feed.

use super::*;

#[tokio::test(start_paused = true)]
async fn committed_batches_enter_the_feed_in_order_with_new_events_only() {
    let mut writer = TestWriter::start();
    let mixed = writer.sends(1..=4);
    let outcomes = [
        AppendOutcome::Appended(Position(7)),
        AppendOutcome::Known(Position(2)),
        AppendOutcome::NotMember,
        AppendOutcome::Appended(Position(8)),
    ];
    writer.append(1..=4).await.send(done(outcomes)).unwrap();
    outcomes_of(mixed).await;
    let repeat = writer.send(1);
    writer.append([1]).await.send(done([AppendOutcome::Known(Position(7))])).unwrap();
    outcome_of(repeat).await.unwrap();
    let next = writer.send(5);
    writer.append([5]).await.send(appended([9])).unwrap();
    outcome_of(next).await.unwrap();
    let expected = [vec![(7, "1".to_owned()), (8, "4".to_owned())], vec![(9, "5".to_owned())]];
    assert_eq!(writer.committed(), expected.map(|events| (WRITER_EPOCH, events)));
}

#[tokio::test(start_paused = true)]
async fn events_of_a_change_enter_the_feed() {
    let mut writer = TestWriter::start();
    // As if the appender had applied it.
    let (reply, answer) = oneshot::channel();
    let share = writer.writer.capacity.reserve(0).unwrap();
    let waiting =
        QueuedChange { change: Rename(key(1)), _share: share, answer: Some(Ok(())), staged: Vec::new(), reply };
    assert!(writer.writer.enqueue(QueueEntry::Change(PendingChange::Transaction(Box::new(waiting)))).is_ok());
    let events = vec![Arc::new(event(1).at(Position(5), WRITER_EPOCH, Time::UNIX_EPOCH))];
    writer.apply(1).await.send(Ok((ApplyOutcome::Applied(events), WRITER_EPOCH))).unwrap();
    assert!(matches!(answer.await.unwrap(), Ok(ChangeOutcome::Applied((), events)) if events.len() == 1));
    assert_eq!(writer.committed(), [(WRITER_EPOCH, vec![(5, "1".to_owned())])]);
}

#[tokio::test(start_paused = true)]
async fn feed_is_due_from_the_beginning_of_an_attempt_until_its_batch_is_taken_or_it_has_failed() {
    let mut writer = TestWriter::start();
    assert!(!writer.committed.is_due());
    let (_send, _change) = (writer.send(1), writer.change(2));
    let answer = writer.append([1]).await;
    assert!(writer.committed.is_due());
    answer.send(Err(AttemptError::Unavailable("down".into()))).unwrap();
    assert!(matches!(writer.committed.next().await, Some(FeedItem::AttemptEnded)));
    assert!(!writer.committed.is_due());
    writer.append([1]).await.send(appended([5])).unwrap();
    let apply = writer.apply(2).await;
    assert_eq!(writer.committed().len(), 1);
    assert!(writer.committed.is_due(), "the change's");
    apply.send(Ok((ApplyOutcome::Rejected, WRITER_EPOCH))).unwrap();
    assert!(matches!(writer.committed.next().await, Some(FeedItem::AttemptEnded)));
    assert!(!writer.committed.is_due());
}

#[tokio::test(start_paused = true)]
async fn full_feed_delays_no_write() {
    let mut writer = TestWriter::start();
    for id in 1..=100 {
        let call = writer.send(id);
        writer.append([id]).await.send(appended([id as i64])).unwrap();
        assert_eq!(outcome_of(call).await, Ok(AppendOutcome::Appended(Position(id as i64))));
    }
    assert!(!writer.committed().is_empty());
}
