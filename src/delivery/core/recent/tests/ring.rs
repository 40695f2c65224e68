use super::*;
use crate::delivery::samples::{NOTHING, deleted, joined, left, long_message, message, room, user};
use crate::log::Event;

impl Ring {
    /// Leaves room for so many bytes.
    pub fn narrow(&mut self, bytes: usize) {
        self.bytes += MAX_RING_BYTES - bytes;
    }
}

/// A ring that begins at 10, with events of the one room.
fn ring(events: impl IntoIterator<Item = Arc<Event>>) -> Ring {
    let mut ring = Ring::new(Position(10));
    let mut previous = Position::ZERO;
    for event in events {
        let effect = MembershipEffect::of(&event);
        let position = event.position;
        ring.push(RingEntry { event: Arc::new(Encoded::new(event)), topic: 0, previous, effect });
        previous = position;
    }
    ring
}

fn visible(ring: &Ring, member: bool, last: i64, floor: i64) -> Vec<i64> {
    ring.visible(user(1), &[], member, Position(last), Position(floor)).map(|position| position.0).collect()
}

#[test]
fn position_is_found_from_above_the_floor_up_to_the_last() {
    let ring = ring([message(11, room(1)), message(12, room(1))]);
    let found = [9, 10, 11, 12, 13, i64::MAX, i64::MIN].map(|at| ring.get(Position(at)));
    let found = found.map(|passed| passed.map_or(0, |passed| passed.event.event.position.0));
    assert_eq!(found, [0, 0, 11, 12, 0, 0, 0]);
}

#[test]
fn oldest_events_are_evicted_above_the_byte_limit_and_the_last_one_stays() {
    let mut ring = ring((11..=14).map(|position| long_message(position, room(1), 20 * 1024 * 1024)));
    let evicted: Vec<_> = std::iter::from_fn(|| ring.evict()).map(|passed| passed.event.event.position.0).collect();
    assert_eq!((evicted, ring.floor()), (vec![11, 12, 13], Position(13)));
    assert!(ring.get(Position(13)).is_none() && ring.get(Position(14)).is_some());
}

#[test]
fn changes_go_with_their_events() {
    let mut ring = ring([joined(11, room(1), &[user(1)]), message(12, room(1)), deleted(13, room(1))]);
    let changes = |ring: &Ring, above| {
        ring.changes_above(Position(above)).map(|passed| passed.event.event.position.0).collect::<Vec<_>>()
    };
    assert_eq!((changes(&ring, 10), changes(&ring, 11), changes(&ring, 13)), (vec![13, 11], vec![13], vec![]));
    ring.narrow(2 * 1024);
    while ring.evict().is_some() {}
    assert_eq!((changes(&ring, 0), ring.floor()), (vec![13], Position(12)));
}

#[test]
fn past_membership_follows_from_the_present_and_the_changes() {
    let me = [user(1)];
    let other = [user(2)];
    let ring = ring([
        message(11, room(1)),
        left(12, room(1), &me),
        message(13, room(1)),
        joined(14, room(1), &me),
        joined(15, room(1), &other),
        left(16, room(1), &me),
        message(17, room(1)),
    ]);
    assert_eq!(visible(&ring, false, 17, 10), [16, 15, 14, 12, 11]);
    assert_eq!(visible(&ring, false, 17, 12), [16, 15, 14]);
    assert_eq!(visible(&ring, false, 17, 17), NOTHING);
    // Of somebody who came by no event that is here: a member all the time.
    let members = ring.visible(user(3), &[], true, Position(17), Position(10)).count();
    assert_eq!(members, 7);
}

#[test]
fn end_of_a_conversation_is_seen_by_those_who_were_members_then_and_hides_what_came_before_their_time() {
    let me = user(1);
    let ring = ring([message(11, room(1)), joined(12, room(1), &[me]), message(13, room(1)), deleted(14, room(1))]);
    let seen = |ended: &[Position]| {
        ring.visible(me, ended, false, Position(14), Position(10)).map(|position| position.0).collect::<Vec<_>>()
    };
    assert_eq!(seen(&[Position(14)]), [14, 13, 12]);
}
