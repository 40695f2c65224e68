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

fn cursor(position: i64) -> Cursor {
    Cursor { epoch: Epoch(1), position: Position(position) }
}

fn positions(taken: &Taken) -> Vec<i64> {
    taken.events.iter().map(|event| event.event.position.0).collect()
}

#[test]
fn a_queue_takes_128_kib_and_no_byte_more() {
    let queue = Queue::default();
    for position in 1..=4 {
        queue.push(&event(position, 32 * 1024));
    }
    assert_eq!(queue.closed(), None);
    queue.push(&event(5, 512));
    let taken = queue.take();
    assert_eq!((positions(&taken), taken.closed, taken.upto), (vec![], Some(Close::Slow), None));
}

#[test]
fn an_event_of_any_size_fits_into_an_empty_queue_and_is_a_piece_of_its_own() {
    let queue = Queue::default();
    for position in [1, 2] {
        queue.push(&event(position, 1_000_000));
        assert_eq!(queue.closed(), None);
        let taken = queue.take();
        assert_eq!((positions(&taken), taken.drained), (vec![position], true));
    }
}

#[test]
fn a_piece_is_64_kib_and_says_whether_more_waits() {
    let queue = Queue::default();
    for (position, size_bytes) in [(1, 32 * 1024), (2, 32 * 1024), (3, 1_024), (4, 60 * 1024)] {
        queue.push(&event(position, size_bytes));
    }
    let pieces = [queue.take(), queue.take(), queue.take()];
    assert_eq!(pieces.each_ref().map(positions), [vec![1, 2], vec![3, 4], vec![]]);
    assert_eq!(pieces.map(|taken| taken.drained), [false, true, true]);
}

#[test]
fn what_is_taken_makes_room_for_as_much() {
    let queue = Queue::default();
    let push = |positions: std::ops::RangeInclusive<i64>| {
        positions.for_each(|position| queue.push(&event(position, 32 * 1024)));
    };
    push(1..=4);
    assert_eq!(positions(&queue.take()), [1, 2]);
    push(5..=6);
    assert_eq!((positions(&queue.take()), queue.closed()), (vec![3, 4], None));
    push(7..=9);
    assert_eq!(queue.closed(), Some(Close::Slow));
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
        queue.close(reason, cursor(7));
        let taken = queue.take();
        assert_eq!((taken.events.len() == 1, taken.closed), (kept, Some(reason)));
        // Only where nothing was dropped is it known that there is nothing else.
        assert_eq!(taken.upto, kept.then_some(cursor(7)), "{reason:?}");
    }
}

#[test]
fn the_first_end_stays_and_nothing_comes_after_it() {
    let queue = Queue::default();
    queue.push(&event(1, 1_000));
    queue.close(Close::Draining, cursor(1));
    queue.close(Close::Revoked, cursor(2));
    queue.push(&event(2, 1_000));
    let taken = queue.take();
    assert_eq!((positions(&taken), taken.closed, taken.upto), (vec![1], Some(Close::Draining), Some(cursor(1))));
}

#[tokio::test]
async fn who_waits_is_woken_by_an_event_and_by_the_end_also_when_they_came_before() {
    let queue = Queue::default();
    assert!(queue.wait().now_or_never().is_none());
    queue.push(&event(1, 1_000));
    assert!(queue.wait().now_or_never().is_some());
    queue.take();
    assert!(queue.wait().now_or_never().is_none());
    queue.close(Close::Draining, cursor(1));
    assert!(queue.wait().now_or_never().is_some());
}
