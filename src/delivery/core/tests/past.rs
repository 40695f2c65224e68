//! How clients catch up: out of the ring, and by pages of the log from below it.

use super::*;

/// The subscription of a stream.
fn phase(stage: &Stage, stream: &Stream) -> Phase {
    stage.subscription(stream.key).phase
}

#[test]
fn resume_in_the_ring_gets_the_events_of_ones_memberships_across_leaving_and_rejoining() {
    let me = [user(1)];
    let history = [
        message(11, room(1)),
        left(12, room(1), &me),
        message(13, room(1)),
        joined(14, room(2), &me),
        joined(15, room(1), &me),
        message(16, room(1)),
        left(17, room(2), &me),
        message(18, room(2)),
        left(19, room(1), &[user(2)]),
    ];
    let mine = [11, 12, 14, 15, 16, 17, 19];
    for from in 10..=19 {
        let mut stage = Stage::at(10);
        stage.publish(&history);
        let mut stream = stage.stream(me[0], from);
        stage.learn(me[0], &[1]);
        assert_eq!(stage.asked(), []);
        let expected: Vec<_> = mine.iter().copied().filter(|position| *position > from).collect();
        assert_eq!(stream.events(), expected, "from {from}");
        stage.publish(&[message(20, room(1)), message(21, room(2))]);
        stage.serve();
        assert_eq!(stream.events(), [20], "from {from}");
    }
}

#[test]
fn page_of_the_log_is_queried_only_below_the_ring() {
    let mut stage = Stage::at(10);
    stage.publish(&[message(11, room(1))]);
    let mut inside = stage.stream(user(1), 10);
    stage.learn(user(1), &[1]);
    assert_eq!((inside.events(), stage.asked()), (vec![11], vec![]));
    let below = stage.stream(user(1), 9);
    stage.serve();
    let wish = stage.page_wish(9, 11);
    assert_eq!((wish.key, wish.id, wish.user, wish.only, wish.limit), (below.key, below.id, user(1), None, None));
}

#[test]
fn conversation_that_ended_in_the_ring_comes_out_of_it_for_its_members_of_then_alone() {
    let mut stage = Stage::at(10);
    let me = user(1);
    stage.publish(&[message(11, room(2)), deleted(12, room(2)), message(13, room(1))]);
    let mut before = stage.stream(me, 10);
    let mut after = stage.stream(me, 12);
    stage.serve();
    let asked = stage.asked();
    assert_eq!(asked, [Asked::Memberships(me)]);
    stage.ended_at = vec![12];
    stage.take_memberships(me, &[1], cursor(13));
    stage.ended_at.clear();
    let mut other = stage.stream(user(2), 10);
    stage.learn(user(2), &[1]);
    stage.publish(&[message(14, room(1))]);
    stage.serve();
    assert_eq!(before.events(), [11, 12, 13, 14]);
    assert_eq!(after.events(), [13, 14]);
    assert_eq!(other.events(), [13, 14]);
    assert_eq!(stage.asked(), []);
}

#[test]
fn catch_up_by_pages_then_ring_then_live_has_no_gap_and_no_repeat() {
    let mut stage = Stage::at(10);
    let me = user(1);
    let of = |positions: std::ops::RangeInclusive<i64>| positions.map(|at| message(at, room(1))).collect::<Vec<_>>();
    stage.publish(&of(11..=12));
    let mut stream = stage.stream(me, 5);
    stage.publish(&of(13..=13));
    stage.serve();
    let wish = stage.page_wish(5, 13);
    stage.publish(&of(14..=14));
    stage.take_page(&wish, &of(6..=8), 8, true);
    stage.publish(&of(15..=15));
    stage.serve();
    assert_eq!(stream.events(), [6, 7, 8]);
    let wish = stage.page_wish(8, 14);
    stage.publish(&of(16..=16));
    stage.take_page(&wish, &of(9..=14), 14, false);
    stage.publish(&of(17..=17));
    stage.serve();
    assert_eq!(stage.asked(), [Asked::Memberships(me)]);
    stage.publish(&of(18..=18));
    stage.take_memberships(me, &[1], cursor(16));
    stage.publish(&of(19..=19));
    stage.serve();
    stage.publish(&of(20..=20));
    stage.serve();
    assert_eq!(stream.events(), (9..=20).collect::<Vec<_>>());
    assert_eq!(stage.asked(), []);
}

#[test]
fn page_that_ends_in_the_ring_is_not_followed_by_what_it_held() {
    let mut stage = Stage::at(10);
    let me = user(1);
    let mut stream = stage.live(me, &[1]);
    stage.publish(&[message(11, room(1)), message(12, room(1)), message(13, room(1))]);
    let mut below = stage.stream(me, 8);
    stage.serve();
    let wish = stage.page_wish(8, 13);
    stage.take_page(&wish, &[message(9, room(1)), message(11, room(1)), message(12, room(1))], 12, true);
    stage.serve();
    // It lies in the ring, but was asked for with the page before it.
    let wish = stage.page_wish(12, 13);
    stage.take_page(&wish, &[message(13, room(1))], 13, false);
    stage.serve();
    assert_eq!(below.events(), [9, 11, 12, 13]);
    assert_eq!(stream.events(), [11, 12, 13]);
}

#[test]
fn empty_page_is_followed_by_the_next() {
    let mut stage = Stage::at(10);
    let me = user(1);
    stage.live(me, &[1]);
    stage.publish(&[message(11, room(1))]);
    let mut stream = stage.stream(me, 8);
    stage.serve();
    let wish = stage.page_wish(8, 11);
    stage.take_page(&wish, &[], 9, true);
    let wish = stage.page_wish(9, 11);
    stage.take_page(&wish, &[], 10, false);
    stage.serve();
    assert_eq!(stream.events(), [11]);
}

#[test]
fn next_page_is_read_while_one_is_written_unless_the_one_before_still_waits() {
    let mut stage = Stage::at(10);
    let subscriber = stage.subscriber(user(1));
    let mut stream = stage.stream_of(subscriber, Framing::Sse, 1, cursor(1));
    stage.serve();
    let first = stage.page_wish(1, 10);
    stage.take_page(&first, &[message(2, room(1))], 2, true);
    // Not even written, and there is another question.
    let second = stage.page_wish(2, 10);
    stage.serve();
    stage.take_page(&second, &[message(3, room(1))], 3, true);
    let third = stage.page_wish(3, 10);
    stage.serve();
    // The body is full, and the page of 3 waits before it: that of 4 is the last that is kept in memory.
    stage.take_page(&third, &[message(4, room(1))], 4, true);
    for _ in 0..3 {
        stage.sleep(Duration::from_millis(100));
        assert_eq!(stage.asked(), []);
    }
    assert_eq!(stream.events(), [2]);
    stage.sleep(Duration::from_millis(100));
    assert_eq!(stream.events(), [3, 4]);
    let fourth = stage.page_wish(4, 10);
    stage.take_page(&fourth, &[], 10, false);
    stage.serve();
    assert_eq!(stage.asked(), [Asked::Memberships(user(1))]);
}

#[test]
fn read_ahead_of_a_page_goes_with_the_query_for_the_next_until_a_rebase() {
    let mut stage = Stage::at(10);
    let subscriber = stage.subscriber(user(1));
    let stream = stage.stream_of(subscriber, Framing::Sse, 1, cursor(1));
    stage.serve();
    let wish = stage.page_wish(1, 10);
    stage.found = 3;
    stage.take_page(&wish, &[message(2, room(1))], 2, true);
    let wish = stage.page_wish(2, 10);
    assert_eq!(wish.found, 3);
    // Not yet written, so there is no next wish.
    stage.take_page(&wish, &[message(3, room(1))], 3, true);
    assert_eq!(stage.asked(), []);
    let read_ahead = |stage: &Stage| stage.subscription(stream.key).read_ahead.is_some();
    assert!(read_ahead(&stage));
    stage.dispatcher.rebase(cursor_of(Epoch(2), 10), stage.now);
    assert!(!read_ahead(&stage), "another history may hold other events");
}

#[test]
fn query_result_for_an_ended_subscription_reaches_no_other() {
    let mut stage = Stage::at(10);
    let gone = stage.stream(user(1), 5);
    stage.serve();
    let wish = stage.page_wish(5, 10);
    drop(gone);
    stage.sleep(Duration::from_millis(100));
    let mut other = stage.stream(user(2), 6);
    assert_eq!(other.key, wish.key, "it has got the same place");
    stage.serve();
    stage.take_page(&wish, &[message(6, room(1))], 10, false);
    stage.dispatcher.fail_query(wish.key, wish.id, QueryKind::Page, stage.now);
    stage.serve();
    assert_eq!(other.read(), []);
    let wish = stage.page_wish(6, 10);
    // Nor does an answer count twice.
    for _ in 0..2 {
        stage.take_page(&wish, &[message(7, room(1))], 10, false);
    }
    stage.serve();
    assert_eq!(other.events(), [7]);
}

#[test]
fn events_that_leave_the_ring_before_they_are_written_are_read_from_the_log() {
    let mut stage = Stage::at(10);
    let me = user(1);
    let subscriber = stage.subscriber(me);
    let mut stream = stage.live_of(subscriber, 1, &[1]);
    stage.publish(&[message(11, room(1))]);
    stage.serve();
    // The body is full.
    stage.publish(&[message(12, room(1))]);
    stage.serve();
    stage.publish(&[message(13, room(1)), message(14, room(1))]);
    stage.dispatcher.recent.ring_mut().narrow(1_024);
    stage.publish(&[message(15, room(2)), message(16, room(1))]);
    assert_eq!(stage.dispatcher.floor(), Position(15));
    assert_eq!(stream.events(), [11]);
    stage.sleep(Duration::from_millis(100));
    assert_eq!(stream.events(), [12]);
    let wish = stage.page_wish(12, 16);
    assert_eq!(phase(&stage, &stream), Phase::Querying(QueryKind::Page, stage.now));
    stage.publish(&[message(17, room(1))]);
    stage.take_page(&wish, &[message(13, room(1)), message(14, room(1)), message(16, room(1))], 16, false);
    stage.serve();
    assert_eq!(stream.events(), [13, 14, 16]);
    stage.sleep(Duration::from_millis(100));
    assert_eq!((stream.events(), stage.asked()), (vec![17], vec![]));
    stage.publish(&[message(18, room(1))]);
    stage.serve();
    assert_eq!(stream.events(), [18]);
}

#[test]
fn catch_up_out_of_the_ring_goes_in_parts_and_loses_nothing_between_them() {
    let me = user(1);
    // Too many for one part; and few, but more than may wait for a client.
    for (count, letters) in [(10_000, 1), (5, 50_000)] {
        let mut stage = Stage::at(0);
        let mut stream = stage.stream(me, 0);
        stage.serve();
        stage.asked();
        let events: Vec<_> = (1..=count).map(|position| long_message(position, room(1), letters)).collect();
        stage.publish(&events);
        stage.take_memberships(me, &[1], cursor(0));
        assert_eq!(phase(&stage, &stream), Phase::Behind);
        let mut last = count;
        while phase(&stage, &stream) == Phase::Behind {
            last += 1;
            stage.publish(&[message(last, room(1))]);
            assert!(stage.dispatcher.serve(stage.now), "it would wait for ever");
        }
        stage.publish(&[message(last + 1, room(1))]);
        stage.serve();
        assert_eq!(stream.events(), (1..=last + 1).collect::<Vec<_>>());
    }
}

#[test]
fn conversation_that_ended_in_the_ring_sends_nobody_to_the_log_whose_memberships_are_known() {
    let mut stage = Stage::at(10);
    let mut streams = [stage.live(user(1), &[1, 2]), stage.live(user(2), &[1]), stage.live(user(3), &[1, 2])];
    let me = [user(3)];
    stage.publish(&[message(11, room(2)), left(12, room(2), &me), message(13, room(2)), deleted(14, room(2))]);
    stage.publish(&[message(15, room(1))]);
    stage.serve();
    let mine = [vec![11, 12, 13, 14, 15], vec![15], vec![11, 12, 15]];
    assert_eq!(streams.each_mut().map(Stream::events), mine);
    let mut resumed = [1, 2, 3].map(|number| stage.stream(user(number), 10));
    stage.serve();
    assert_eq!(stage.asked(), []);
    assert_eq!(resumed.each_mut().map(Stream::events), mine);
}
