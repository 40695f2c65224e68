//! Texts that are deleted while somebody is about to get them, and what a deletion costs.

use super::*;
use crate::ids::MessageId;
use crate::store::EventKind;

fn message_id(number: u128) -> MessageId {
    MessageId(uuid::Uuid::from_u128(number))
}

fn text(position: i64, number: u128) -> Arc<Event> {
    version(EventKind::MessageCreated, position, room(1), message_id(number), "text")
}

#[test]
fn deletion_looks_at_no_subscription_but_those_that_get_it() {
    let mut stage = Stage::at(10);
    let _streams: Vec<_> = (1..=500).map(|number| stage.live(user(number), &[2])).collect();
    let _member = stage.live(user(501), &[1]);
    let visits = stage.visits(|stage| {
        stage.publish(&[message_deleted(11, room(1), message_id(1), 3)]);
        stage.publish(&[message_deleted(12, room(1), message_id(2), 4)]);
    });
    assert!(visits <= 2, "{visits}");
}

#[test]
fn text_that_was_read_ahead_and_is_deleted_meanwhile_is_read_again() {
    let mut stage = Stage::at(10);
    let subscriber = stage.subscriber(user(1));
    let mut stream = stage.stream_of(subscriber, Framing::Sse, ENOUGH, cursor(1));
    stage.serve();
    let wish = stage.page_wish(1, 10);
    stage.publish(&[message_deleted(11, room(1), message_id(3), 3)]);
    stage.ahead = vec![text(3, 3), text(4, 4)];
    stage.take_page(&wish, &[text(2, 2)], 2, true);
    let wish = stage.page_wish(2, 11);
    assert_eq!(wish.read, 0);
    stage.serve();
    assert_eq!(stream.events(), [2]);
}

#[test]
fn page_with_a_text_that_is_deleted_meanwhile_is_read_again() {
    let mut stage = Stage::at(10);
    let mut stream = stage.stream(user(1), 1);
    stage.serve();
    let wish = stage.page_wish(1, 10);
    stage.publish(&[message_deleted(11, room(1), message_id(3), 3)]);
    stage.take_page(&wish, &[text(2, 2), text(3, 3)], 3, true);
    stage.serve();
    assert_eq!(stream.events(), NOTHING);
    let wish = stage.page_wish(1, 11);
    stage.take_page(&wish, &[text(2, 2), text(3, 3)], 3, true);
    stage.serve();
    assert_eq!(stream.events(), [2, 3]);
}

#[test]
fn page_and_read_ahead_stay_if_other_texts_are_deleted() {
    let mut stage = Stage::at(10);
    let mut stream = stage.stream(user(1), 1);
    stage.serve();
    let wish = stage.page_wish(1, 10);
    stage.publish(&[message_deleted(11, room(1), message_id(9), 9)]);
    stage.ahead = vec![text(4, 4)];
    stage.take_page(&wish, &[text(2, 2), text(3, 3)], 3, true);
    assert_eq!(stage.page_wish(3, 11).read, 1);
    stage.serve();
    assert_eq!(stream.events(), [2, 3]);
}

#[test]
fn page_that_is_under_way_when_a_conversation_is_deleted_is_read_again() {
    let mut stage = Stage::at(10);
    let mut stream = stage.stream(user(1), 1);
    stage.serve();
    let wish = stage.page_wish(1, 10);
    stage.publish(&[deleted(11, room(1))]);
    stage.take_page(&wish, &[text(2, 2)], 2, true);
    stage.serve();
    assert_eq!(stream.events(), NOTHING);
    stage.page_wish(1, 11);
}
