use super::*;
use crate::delivery::samples::{room, user};

fn circle(number: u128) -> Circle {
    Circle::Conversation(room(number))
}

fn listeners(roster: &Roster, door: Door) -> Vec<Key> {
    let mut keys: Vec<_> = roster.listeners(door).collect();
    keys.sort_unstable();
    keys
}

/// Seats user 1 with subscription 7 and user 2 with subscription 8, both members of room 1.
fn two() -> (Roster, [Seat; 2], Door) {
    let mut roster = Roster::default();
    let seats = [(1, 7), (2, 8)].map(|(number, key)| roster.arrive(user(number), key));
    seats.iter().for_each(|seat| roster.learn(*seat, [room(1)].into_iter()));
    let door = roster.door(circle(1));
    (roster, seats, door)
}

#[test]
fn an_event_is_for_all_subscriptions_of_all_members() {
    let (mut roster, _, door) = two();
    roster.arrive(user(1), 9);
    assert_eq!(listeners(&roster, door), [7, 8, 9]);
    roster.leave(door, user(1));
    assert_eq!(listeners(&roster, door), [8]);
    roster.enter(door, user(1));
    roster.enter(door, user(1));
    assert_eq!(listeners(&roster, door), [7, 8, 9]);
    roster.empty(door);
    assert!(listeners(&roster, door).is_empty());
}

#[test]
fn whose_memberships_are_not_known_enters_nothing() {
    let (mut roster, _, door) = two();
    let seat = roster.arrive(user(3), 9);
    roster.enter(door, user(3));
    assert_eq!((listeners(&roster, door), &roster.user(seat).rooms), (vec![7, 8], &None));
}

#[test]
fn what_is_learnt_replaces_what_was_known() {
    let (mut roster, [seat, _], door) = two();
    roster.learn(seat, [room(2), room(3)].into_iter());
    assert_eq!(listeners(&roster, door), [8]);
    assert_eq!(roster.find_door(circle(2)).map(|door| listeners(&roster, door)), Some(vec![7]));
    assert_eq!(roster.sizes(), (2, 3));
}

#[test]
fn a_user_is_asked_for_once() {
    let (mut roster, [seat, _], _) = two();
    assert_eq!([roster.ask(seat), roster.ask(seat)], [true, false]);
    roster.unask(seat);
    assert!(roster.ask(seat));
    roster.learn(seat, [].into_iter());
    assert!(roster.ask(seat));
}

#[test]
fn a_room_closes_once_nobody_is_here_and_no_event_is_left() {
    let (mut roster, _, door) = two();
    let now = Instant::now();
    roster.pass(door, Position(11));
    assert_eq!(roster.pass(door, Position(12)), Position(11));
    for (seat, key) in [(0, 7), (1, 8)] {
        roster.depart(seat, key, now);
    }
    roster.forget_the_absent(now + ABSENCE);
    assert_eq!(roster.sizes(), (0, 1));
    roster.evicted(door, Position(11));
    assert_eq!(roster.sizes(), (0, 1), "12 is still there");
    roster.evicted(door, Position(12));
    assert_eq!((roster.sizes(), roster.find_door(circle(1))), ((0, 0), None));
}

#[test]
fn who_comes_back_in_time_is_not_forgotten() {
    let (mut roster, [seat, _], _) = two();
    let now = Instant::now();
    roster.depart(seat, 7, now);
    roster.forget_the_absent(now + ABSENCE - Duration::from_millis(1));
    assert_eq!(roster.arrive(user(1), 9), seat);
    roster.forget_the_absent(now + 2 * ABSENCE);
    assert_eq!(roster.user(seat).rooms, Some(vec![0]));
}
