//! Events that one user alone gets, and texts that are deleted.

use super::*;
use crate::ids::MessageId;
use crate::store::EventKind;

fn message_id(number: u128) -> MessageId {
    MessageId(uuid::Uuid::from_u128(number))
}

#[test]
fn own_event_reaches_all_subscriptions_of_its_user_and_nobody_else() {
    let mut stage = Stage::at(10);
    let mut owns = [stage.live(user(1), &[1]), stage.live(user(1), &[1])];
    let mut other = stage.live(user(2), &[1]);
    let narrowed = |room| Subscriber { only: Some(room), ..stage.subscriber(user(1)) };
    let (here, elsewhere) = (narrowed(room(1)), narrowed(room(2)));
    let mut here = stage.live_of(here, ENOUGH, &[1]);
    let mut elsewhere = stage.live_of(elsewhere, ENOUGH, &[1]);
    stage.publish(&[only_for(11, room(1), user(1)), message(12, room(1))]);
    stage.serve();
    assert_eq!(owns.each_mut().map(Stream::events), [[11, 12], [11, 12]]);
    assert_eq!(here.events(), [11, 12]);
    assert_eq!(elsewhere.events(), NOTHING);
    assert_eq!(other.events(), [12]);
}

#[test]
fn own_events_come_out_of_the_ring_in_the_order_of_the_log() {
    let mut stage = Stage::at(10);
    stage.publish(&[message(11, room(1)), only_for(12, room(1), user(1)), message(13, room(1))]);
    stage.publish(&[only_for(14, room(2), user(1)), only_for(15, room(1), user(2))]);
    let mut own = stage.stream(user(1), 10);
    stage.learn(user(1), &[1, 2]);
    assert_eq!(own.events(), [11, 12, 13, 14]);
    let narrowed = Subscriber { only: Some(room(1)), ..stage.subscriber(user(1)) };
    let mut narrowed = stage.stream_of(narrowed, Framing::Sse, ENOUGH, cursor(11));
    stage.serve();
    assert_eq!(narrowed.events(), [12, 13]);
    let mut other = stage.stream(user(2), 10);
    stage.learn(user(2), &[1, 2]);
    assert_eq!(other.events(), [11, 13, 15]);
}

#[test]
fn deleted_text_is_gone_from_the_ring_at_once_and_no_other_is() {
    let mut stage = Stage::at(10);
    let text = |kind, position, number, text| version(kind, position, room(1), message_id(number), text);
    stage.publish(&[
        text(EventKind::MessageCreated, 11, 1, "first"),
        text(EventKind::MessageCreated, 12, 2, "second"),
        text(EventKind::MessageEdited, 13, 1, "third"),
        message_deleted(14, room(1), message_id(1), 11),
    ]);
    let texts = |stage: &Stage| {
        let kept = (11..=13).filter_map(|at| stage.dispatcher.recent.ring().get(Position(at)));
        let kept = kept.map(|passed| String::from_utf8_lossy(passed.event.json()).into_owned());
        kept.map(|json| ["first", "second", "third"].map(|word| json.contains(word))).collect::<Vec<_>>()
    };
    assert_eq!(texts(&stage), [[false, false, false], [false, true, false], [false, false, false]]);
    stage.publish(&[deleted(15, room(1))]);
    assert_eq!(texts(&stage), [[false; 3]; 3]);
}
