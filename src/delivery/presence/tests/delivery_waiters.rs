use super::*;

#[tokio::test]
async fn all_requests_that_wait_are_told_and_none_is_left_behind() {
    let waiters = Arc::new(DeliveryWaiters::default());
    let at = Cursor { epoch: Epoch(1), position: Position(7) };
    let (mut one, mut two) = (waiters.wait(at), waiters.wait(at));
    let (user, node, now) = (UserId::new(), NodeId::new(), Instant::now());
    assert_eq!(waiters.delivered(at, user), []);
    assert_eq!((one.next().await, two.try_next()), (Some(user), Some(user)));
    drop(one);
    assert!(waiters.is_awaited(at));
    waiters.note(at, node, Duration::from_secs(5), now);
    waiters.note(at, node, Duration::from_secs(5), now);
    assert_eq!(waiters.delivered(at, user), [node]);
    assert_eq!(waiters.delivered(Cursor { epoch: Epoch(2), ..at }, user), []);
    drop(two);
    assert!(!waiters.is_awaited(at));
}
