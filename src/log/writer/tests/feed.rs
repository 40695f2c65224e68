//! What the writer puts into the commit feed.

use super::*;

#[tokio::test(start_paused = true)]
async fn committed_batches_enter_the_feed_in_order_with_new_events_only() {
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
async fn events_of_a_change_enter_the_feed() {
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
async fn feed_is_due_from_the_beginning_of_an_attempt_until_its_batch_is_taken_or_it_has_failed() {
    let mut node = Node::start();
    assert!(!node.committed.is_due());
    let (_send, _change) = (node.send(1), node.change(2));
    let answer = node.append([1]).await;
    assert!(node.committed.is_due());
    answer.send(Err(AttemptError::Unavailable("down".into()))).unwrap();
    assert!(matches!(node.committed.next().await, Some(FeedItem::AttemptEnded)));
    assert!(!node.committed.is_due());
    node.append([1]).await.send(appended([5])).unwrap();
    let apply = node.apply(2).await;
    assert_eq!(node.committed().len(), 1);
    assert!(node.committed.is_due(), "the change's");
    apply.send(Ok((ApplyOutcome::Rejected, EPOCH))).unwrap();
    assert!(matches!(node.committed.next().await, Some(FeedItem::AttemptEnded)));
    assert!(!node.committed.is_due());
}

#[tokio::test(start_paused = true)]
async fn full_feed_delays_no_write() {
    let mut node = Node::start();
    for id in 1..=100 {
        let call = node.send(id);
        node.append([id]).await.send(appended([id as i64])).unwrap();
        assert_eq!(told(call).await, Ok(AppendOutcome::Appended(Position(id as i64))));
    }
    assert!(!node.committed().is_empty());
}
