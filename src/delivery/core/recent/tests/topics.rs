use super::*;
use crate::delivery::samples::{room, user};

fn key(number: u128) -> TopicKey {
    TopicKey::Conversation(room(number))
}

fn subscribers(topics: &Topics, topic: TopicSlot) -> Vec<SubscriptionKey> {
    let mut keys: Vec<_> = topics.subscribers(topic).collect();
    keys.sort_unstable();
    keys
}

/// User 1 with subscription 7 and user 2 with subscription 8, both members of room 1.
fn two() -> (Topics, [UserSlot; 2], TopicSlot) {
    let mut topics = Topics::default();
    let users = [(1, 7), (2, 8)].map(|(number, key)| topics.subscribe(user(number), key));
    users.iter().for_each(|slot| topics.set_memberships(*slot, &[room(1)], &[]));
    let topic = topics.slot(key(1));
    (topics, users, topic)
}

#[test]
fn event_is_for_all_subscriptions_of_all_members() {
    let (mut topics, _, topic) = two();
    topics.subscribe(user(1), 9);
    assert_eq!(subscribers(&topics, topic), [7, 8, 9]);
    topics.leave(topic, user(1));
    assert_eq!(subscribers(&topics, topic), [8]);
    topics.join(topic, user(1));
    topics.join(topic, user(1));
    assert_eq!(subscribers(&topics, topic), [7, 8, 9]);
    topics.remove_all_members(topic, Position(11), Position(10));
    assert!(subscribers(&topics, topic).is_empty());
}

#[test]
fn user_without_known_memberships_joins_no_topic() {
    let (mut topics, _, topic) = two();
    let slot = topics.subscribe(user(3), 9);
    topics.join(topic, user(3));
    assert_eq!((subscribers(&topics, topic), &topics.user(slot).topics), (vec![7, 8], &None));
}

#[test]
fn memberships_that_are_set_replace_the_known_ones() {
    let (mut topics, [slot, _], topic) = two();
    topics.set_memberships(slot, &[room(2), room(3)], &[]);
    assert_eq!(subscribers(&topics, topic), [8]);
    assert_eq!(topics.find(key(2)).map(|topic| subscribers(&topics, topic)), Some(vec![7]));
    assert_eq!(topics.sizes(), (2, 3));
}

#[test]
fn memberships_query_of_a_user_begins_once() {
    let (mut topics, [slot, _], _) = two();
    assert_eq!([topics.begin_query(slot), topics.begin_query(slot)], [true, false]);
    topics.end_query(slot);
    assert!(topics.begin_query(slot));
    topics.set_memberships(slot, &[], &[]);
    assert!(topics.begin_query(slot));
}

#[test]
fn topic_is_removed_once_it_has_no_member_here_and_no_event() {
    let (mut topics, _, topic) = two();
    let now = Instant::now();
    topics.set_last(topic, Position(11));
    assert_eq!(topics.set_last(topic, Position(12)), Position(11));
    for (slot, key) in [(0, 7), (1, 8)] {
        topics.unsubscribe(slot, key, now);
    }
    topics.forget_absent_users(now + MEMBERSHIPS_KEPT);
    assert_eq!(topics.sizes(), (0, 1));
    topics.evicted(topic, Position(11));
    assert_eq!(topics.sizes(), (0, 1), "12 is still there");
    topics.evicted(topic, Position(12));
    assert_eq!((topics.sizes(), topics.find(key(1))), ((0, 0), None));
}

#[test]
fn user_who_comes_back_in_time_is_not_forgotten() {
    let (mut topics, [slot, _], _) = two();
    let now = Instant::now();
    topics.unsubscribe(slot, 7, now);
    topics.forget_absent_users(now + MEMBERSHIPS_KEPT - Duration::from_millis(1));
    assert_eq!(topics.subscribe(user(1), 9), slot);
    topics.forget_absent_users(now + 2 * MEMBERSHIPS_KEPT);
    assert_eq!(topics.user(slot).topics, Some(vec![0]));
}
