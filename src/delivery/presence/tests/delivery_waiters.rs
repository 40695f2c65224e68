use super::*;

#[tokio::test]
async fn waiting_requests_are_all_told_and_none_is_left_behind() {
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

#[tokio::test]
async fn request_that_waits_is_named_a_bounded_number_of_users() {
    let waiters = Arc::new(DeliveryWaiters::default());
    let at = Cursor { epoch: Epoch(1), position: Position(7) };
    let mut waiter = waiters.wait(at);
    (0..MAX_USERS_NAMED + 5).for_each(|_| drop(waiters.delivered(at, UserId::new())));
    assert_eq!(std::iter::from_fn(|| waiter.try_next()).count(), MAX_USERS_NAMED);
}
