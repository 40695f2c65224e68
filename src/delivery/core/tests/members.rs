//! Who gets what.

use super::*;

#[test]
fn events_reach_the_members_in_the_order_of_the_log_with_their_own_join_and_leave() {
    let mut stage = Stage::at(10);
    let new = user(2);
    let mut old = stage.live(user(1), &[1]);
    let mut newcomer = stage.live(new, &[]);
    let mut stranger = stage.live(user(3), &[2]);
    stage.publish(&[message(11, room(1)), joined(12, room(1), &[new])]);
    stage.publish(&[message(13, room(1)), message(14, room(2)), left(15, room(1), &[new]), message(16, room(1))]);
    stage.serve();
    assert_eq!(old.events(), [11, 12, 13, 15, 16]);
    assert_eq!(newcomer.events(), [12, 13, 15]);
    assert_eq!(stranger.events(), [14]);
}

#[test]
fn end_of_a_conversation_is_the_last_that_its_members_get_of_it() {
    let mut stage = Stage::at(10);
    let mut streams = [1, 2].map(|number| stage.live(user(number), &[1, 2]));
    stage.publish(&[deleted(11, room(1)), message(12, room(1)), message(13, room(2))]);
    stage.serve();
    assert_eq!(streams.each_mut().map(Stream::events), [[11, 13], [11, 13]]);
}

#[test]
fn first_members_of_a_conversation_get_its_creation() {
    let mut stage = Stage::at(10);
    let mut streams = [1, 2, 3].map(|number| stage.live(user(number), &[]));
    stage.publish(&[created(11, room(1), &[user(1), user(2)]), message(12, room(1))]);
    stage.serve();
    assert_eq!(streams.each_mut().map(Stream::events), [vec![11, 12], vec![11, 12], vec![]]);
}

#[test]
fn user_without_known_memberships_gets_nothing_until_they_are_known_and_then_everything() {
    let mut stage = Stage::at(10);
    let me = user(1);
    let mut stream = stage.stream(me, 10);
    stage.serve();
    assert_eq!(stage.asked(), [Asked::Memberships(me)]);
    stage.publish(&[message(11, room(1)), joined(12, room(2), &[me]), message(13, room(2))]);
    stage.serve();
    assert_eq!(stream.events(), NOTHING);
    stage.take_memberships(me, &[1], cursor(10));
    stage.publish(&[message(14, room(1))]);
    stage.serve();
    assert_eq!(stream.events(), [11, 12, 13, 14]);
    assert_eq!(stage.asked(), []);
}

#[test]
fn opening_of_a_stream_comes_before_its_events() {
    let mut stage = Stage::at(10);
    stage.live(user(1), &[1]);
    stage.publish(&[message(11, room(1))]);
    let (sender, mut body) = channel::channel(ENOUGH);
    let newcomer = NewSubscription {
        subscriber: stage.subscriber(user(1)),
        receiver: Receiver::Stream { framing: Framing::Sse, sink: Sink::Body(sender) },
        from: cursor(10),
        epoch: EPOCH,
        opening: Some(Bytes::from_static(b"opening")),
        held: Shutdown::default().guard(),
    };
    stage.dispatcher.admit(newcomer, stage.now);
    stage.publish(&[message(12, room(1))]);
    stage.serve();
    assert_eq!(body.try_recv().unwrap(), "opening");
    assert_eq!(body.try_recv().map(|bytes| told(&bytes)), Ok(all([11, 12])));
}

#[test]
fn subscription_of_one_conversation_gets_the_events_of_that_one_alone() {
    let mut stage = Stage::at(10);
    let me = user(1);
    stage.publish(&[message(11, room(1)), message(12, room(2))]);
    let narrow = Subscriber { only: Some(room(2)), ..stage.subscriber(me) };
    let mut narrow = stage.stream_of(narrow, Framing::Sse, ENOUGH, cursor(10));
    let unheard = Subscriber { only: Some(room(7)), ..stage.subscriber(me) };
    let mut unheard = stage.stream_of(unheard, Framing::Sse, ENOUGH, cursor(10));
    let mut wide = stage.stream(me, 10);
    stage.learn(me, &[1, 2, 7]);
    stage.publish(&[message(13, room(1)), message(14, room(2)), joined(15, room(3), &[me])]);
    stage.serve();
    assert_eq!(narrow.events(), [12, 14]);
    assert_eq!(unheard.events(), NOTHING);
    assert_eq!(wide.events(), [11, 12, 13, 14, 15]);
}

#[test]
fn memberships_read_above_or_below_the_head_come_to_the_same() {
    // As the log has it in the end; the hub is at 14.
    let intervals = [(1, 1, Some(12)), (2, 13, None), (3, 15, None), (4, 1, Some(16))];
    let me = user(1);
    for head in 10..=16 {
        let mut stage = Stage::at(10);
        stage.publish(&[message(11, room(1)), left(12, room(1), &[me]), joined(13, room(2), &[me])]);
        stage.publish(&[message(14, room(2))]);
        let mut stream = stage.stream(me, 14);
        let mut resumed = stage.stream(me, 10);
        stage.serve();
        let open = |joined_at, left_at: Option<i64>| joined_at <= head && left_at.is_none_or(|left_at| left_at > head);
        let known = intervals.iter().filter(|(_, joined_at, left_at)| open(*joined_at, *left_at));
        let rooms: Vec<_> = known.map(|(number, ..)| *number).collect();
        stage.take_memberships(me, &rooms, cursor(head));
        stage.serve();
        assert_eq!(resumed.events().len(), if head <= 14 { 4 } else { 0 }, "read at {head}");
        stage.publish(&[joined(15, room(3), &[me]), left(16, room(4), &[me])]);
        stage.publish(&[1, 2, 3, 4].map(|number| message(16 + number, room(number as u128))));
        stage.serve();
        assert_eq!(stream.events(), [15, 16, 18, 19], "read at {head}");
        assert_eq!(resumed.events().len(), if head <= 14 { 4 } else { 8 }, "read at {head}");
    }
}

#[test]
fn memberships_of_another_epoch_or_from_below_the_ring_are_queried_again() {
    let mut stage = Stage::at(10);
    let me = user(1);
    let mut stream = stage.stream(me, 10);
    stage.serve();
    stage.publish(&[message(11, room(1))]);
    for useless in [cursor_of(Epoch(2), 10), cursor_of(Epoch(2), 12), cursor(9)] {
        assert_eq!(stage.asked(), [Asked::Memberships(me)]);
        stage.take_memberships(me, &[1], useless);
        stage.serve();
        assert_eq!(stream.events(), NOTHING, "{useless:?}");
    }
    stage.take_memberships(me, &[1], cursor(10));
    stage.serve();
    assert_eq!(stream.events(), [11]);
}

#[test]
fn memberships_of_one_user_change_nothing_for_another() {
    let mut stage = Stage::at(10);
    let (me, other) = (user(1), user(2));
    let mut mine = stage.live(me, &[1, 2]);
    stage.publish(&[left(11, room(1), &[me]), joined(12, room(1), &[me]), joined(13, room(3), &[me])]);
    stage.publish(&[deleted(14, room(2)), left(15, room(3), &[me])]);
    let mut others = stage.stream(other, 10);
    stage.serve();
    // What happened since happens again, to everybody.
    stage.take_memberships(other, &[2], cursor(10));
    stage.publish(&[1, 2, 3].map(|number| message(15 + number, room(number as u128))));
    stage.serve();
    assert_eq!(mine.events(), [11, 12, 13, 14, 15, 16]);
    assert_eq!(others.events(), [14]);
    assert_eq!(stage.asked(), [Asked::Memberships(other)]);
}

#[test]
fn memberships_are_queried_once_for_all_clients_of_a_user() {
    let mut stage = Stage::at(10);
    let me = user(1);
    let mut first = [10, 10, 10].map(|from| stage.stream(me, from));
    stage.serve();
    assert_eq!(stage.asked(), [Asked::Memberships(me)]);
    stage.take_memberships(me, &[1], cursor(10));
    stage.publish(&[message(11, room(1))]);
    let mut later = stage.stream(me, 10);
    stage.serve();
    assert_eq!(stage.asked(), []);
    assert_eq!(first.each_mut().map(Stream::events), [[11], [11], [11]]);
    assert_eq!(later.events(), [11]);
}

#[test]
fn events_that_come_before_a_subscription_is_served_go_in_one_write() {
    let mut stage = Stage::at(10);
    let mut stream = stage.live(user(1), &[1]);
    for position in 11..=15 {
        stage.publish(&[message(position, room(1))]);
    }
    stage.serve();
    assert_eq!((stream.take(), stream.take()), (Some(all(11..=15)), None));
    // A write is about 64 KiB, and one event at least.
    stage.publish(&[16, 17, 18, 19].map(|position| long_message(position, room(1), 30_000)));
    stage.publish(&[long_message(20, room(1), 90_000), message(21, room(1))]);
    stage.serve();
    let writes: Vec<_> = std::iter::from_fn(|| stream.take()).map(positions).collect();
    assert_eq!(writes, [vec![16, 17], vec![18, 19], vec![20], vec![21]]);
}

#[test]
fn ready_queue_serves_no_subscription_twice_before_all_others_once() {
    let mut stage = Stage::at(10);
    let mut streams = [1, 2].map(|number| stage.live(user(number), &[1]));
    stage.publish(&[11, 12].map(|position| long_message(position, room(1), 60_000)));
    stage.dispatcher.serve(stage.now);
    stage.dispatcher.serve(stage.now);
    assert_eq!(streams.each_mut().map(Stream::events), [[11], [11]]);
    stage.serve();
    assert_eq!(streams.each_mut().map(Stream::events), [[12], [12]]);
}

#[test]
fn user_who_is_back_within_a_minute_is_still_known() {
    let mut stage = Stage::at(10);
    let me = user(1);
    drop(stage.live(me, &[1]));
    stage.sleep(Duration::from_millis(100));
    assert_eq!(stage.dispatcher.table.len(), 0);
    stage.publish(&[message(11, room(1)), joined(12, room(2), &[me])]);
    stage.sleep(Duration::from_millis(59_900));
    stage.publish(&[message(13, room(2))]);
    let mut stream = stage.stream(me, 10);
    stage.serve();
    assert_eq!((stream.events(), stage.asked()), (vec![11, 12, 13], vec![]));
}

#[test]
fn user_who_is_absent_for_a_minute_is_forgotten_and_topics_go_with_their_events() {
    let mut stage = Stage::at(10);
    let gone = stage.live(user(1), &[1, 2]);
    let mut stays = stage.live(user(2), &[1]);
    assert_eq!(stage.sizes(), (2, 2));
    stage.publish(&[message(11, room(2)), message(12, room(3))]);
    drop(gone);
    stage.sleep(Duration::from_millis(100));
    stage.sleep(Duration::from_millis(59_999));
    assert_eq!(stage.sizes(), (2, 3));
    stage.sleep(Duration::from_millis(1));
    assert_eq!(stage.sizes(), (1, 3));
    assert!(stays.read().iter().all(|told| *told == Told::Beat));
    stage.dispatcher.recent.ring_mut().narrow(1_024);
    stage.publish(&[message(13, room(1))]);
    assert_eq!(stage.sizes(), (1, 1));
    stage.serve();
    assert_eq!(stays.events(), [13]);
}
