use super::*;
use crate::ids::{ConversationId, Epoch, Position, UserId};
use crate::log::{Event, Payload};
use crate::store::{EventKind, Time};
use futures_util::FutureExt as _;

/// An event that counts as `size_bytes`.
fn event(position: i64, size_bytes: usize) -> Arc<Encoded> {
    let event = Event {
        position: Position(position),
        epoch: Epoch(1),
        conversation: ConversationId::new(),
        kind: EventKind::MessageCreated,
        message: None,
        sender: UserId::new(),
        created_at: Time::UNIX_EPOCH,
        payload: Payload("x".repeat(size_bytes - 512).into()),
    };
    Arc::new(Encoded::new(Arc::new(event)))
}

fn positions(taken: &Taken) -> Vec<i64> {
    taken.events.iter().map(|event| event.event.position.0).collect()
}

#[test]
fn a_queue_takes_256_kib_and_no_byte_more() {
    let queue = Queue::default();
    for position in 1..=4 {
        queue.push(&event(position, MOST_BYTES / 4));
    }
    assert_eq!(queue.closed(), None);
    queue.push(&event(5, 512));
    let taken = queue.take();
    assert_eq!((positions(&taken), taken.closed), (vec![], Some(Close::Slow)));
}

#[test]
fn what_is_taken_makes_room() {
    let queue = Queue::default();
    for position in 1..=10 {
        queue.push(&event(position, MOST_BYTES / 2 + 1));
        let taken = queue.take();
        assert_eq!((positions(&taken), taken.closed), (vec![position], None));
    }
}

#[test]
fn what_waits_outlives_the_ends_after_which_it_may_still_be_read() {
    use Close::*;
    let cases = [
        (Expired, true),
        (Draining, true),
        (Replaced, true),
        (Rotate, true),
        (Revoked, false),
        (Slow, false),
        (Unavailable, false),
        (Rebased, false),
    ];
    for (reason, kept) in cases {
        let queue = Queue::default();
        queue.push(&event(1, 1_000));
        queue.close(reason);
        let taken = queue.take();
        assert_eq!((taken.events.len() == 1, taken.closed), (kept, Some(reason)));
    }
}

#[test]
fn the_first_end_stays_and_nothing_comes_after_it() {
    let queue = Queue::default();
    queue.push(&event(1, 1_000));
    queue.close(Close::Draining);
    queue.close(Close::Revoked);
    queue.push(&event(2, 1_000));
    let taken = queue.take();
    assert_eq!((positions(&taken), taken.closed), (vec![1], Some(Close::Draining)));
}

#[tokio::test]
async fn who_waits_is_woken_by_an_event_and_by_the_end_also_when_they_came_before() {
    let queue = Queue::default();
    assert!(queue.wait().now_or_never().is_none());
    queue.push(&event(1, 1_000));
    assert!(queue.wait().now_or_never().is_some());
    queue.take();
    assert!(queue.wait().now_or_never().is_none());
    queue.close(Close::Draining);
    assert!(queue.wait().now_or_never().is_some());
}
