//! How streams end, and what they have got by then.

use super::*;

/// A stream whose body takes one write and is full, live at 10, with 11 on the way, 12 in its buffer, and 13 and 14
/// waiting; 15 is not the user's.
fn stalled(stage: &mut Stage) -> Stream {
    let subscriber = stage.subscriber(user(1));
    let stream = stage.live_of(subscriber, 1, &[1]);
    for position in 11..=14 {
        stage.publish(&[message(position, room(1))]);
        stage.serve();
    }
    stage.publish(&[message(15, room(2))]);
    stage.serve();
    stream
}

#[test]
fn end_that_keeps_pending_events_covers_everything_up_to_the_head() {
    for (reason, code) in [
        (CloseReason::Draining, "draining"),
        (CloseReason::Replaced, "replaced"),
        (CloseReason::Rotate, "rotate"),
        (CloseReason::Expired, "token_expiring"),
    ] {
        let mut stage = Stage::at(10);
        let mut stream = stalled(&mut stage);
        stage.dispatcher.close_all(reason, stage.now);
        // The client gets nothing that comes after, so it does not cover it either.
        stage.publish(&[message(16, room(1)), message(17, room(1))]);
        let expected = [all(11..=14), vec![end(code, 15)]].concat();
        assert_eq!(stage.read_to_the_end(&mut stream), expected);
        assert!(stream.is_over());
        assert_eq!(stage.dispatcher.table.len(), 0);
    }
}

#[test]
fn end_that_drops_pending_events_covers_what_was_written() {
    let unusable = CloseReason::UnusableCursor(ResetCode::CursorUnknown);
    for (reason, code) in [
        (CloseReason::Revoked, "revoked"),
        (CloseReason::Slow, "slow"),
        (CloseReason::Unavailable, "unavailable"),
        (unusable, "unavailable"),
    ] {
        let mut stage = Stage::at(10);
        let mut stream = stalled(&mut stage);
        stage.dispatcher.close_all(reason, stage.now);
        stage.publish(&[message(16, room(1))]);
        let expected = vec![Told::Event(11), Told::Event(12), end(code, 12)];
        assert_eq!(stage.read_to_the_end(&mut stream), expected);
        assert!(stream.is_over());
    }
}

#[test]
fn end_of_a_stream_that_has_everything_covers_the_head_whatever_the_reason() {
    for (reason, code) in [(CloseReason::Draining, "draining"), (CloseReason::Unavailable, "unavailable")] {
        let mut stage = Stage::at(10);
        let mut stream = stage.live(user(1), &[1]);
        stage.publish(&[message(11, room(1)), message(12, room(2))]);
        stage.serve();
        stage.dispatcher.close_all(reason, stage.now);
        stage.publish(&[message(13, room(2))]);
        stage.serve();
        assert_eq!(stream.read(), [Told::Event(11), end(code, 12)]);
    }
}

#[test]
fn end_of_a_stream_that_has_not_caught_up_covers_what_it_has() {
    for (reason, code) in [(CloseReason::Draining, "draining"), (CloseReason::Unavailable, "unavailable")] {
        let mut stage = Stage::at(10);
        stage.publish(&[message(11, room(1))]);
        let mut waits = stage.stream(user(1), 10);
        let mut reads = stage.stream(user(2), 4);
        stage.serve();
        let asked = stage.asked();
        let [Asked::Memberships(_), Asked::Page(wish)] = asked[..] else { panic!("{asked:?}") };
        stage.take_page(&wish, &[message(5, room(1))], 6, true);
        stage.dispatcher.close_all(reason, stage.now);
        stage.serve();
        assert_eq!(waits.read(), [end(code, 10)]);
        assert_eq!(reads.read(), [Told::Event(5), end(code, 6)]);
    }
}

#[test]
fn first_close_reason_stays() {
    let mut stage = Stage::at(10);
    let mut stream = stalled(&mut stage);
    stage.dispatcher.close_all(CloseReason::Draining, stage.now);
    stage.publish(&[message(16, room(1))]);
    stage.dispatcher.close_all(CloseReason::Unavailable, stage.now);
    stage.revoke(user(1));
    let told = stage.read_to_the_end(&mut stream);
    assert_eq!(told, [all(11..=14), vec![end("draining", 15)]].concat());
}

#[test]
fn query_result_after_the_end_writes_nothing() {
    let mut stage = Stage::at(10);
    stage.publish(&[message(11, room(1))]);
    let mut waits = stage.stream(user(1), 10);
    let mut reads = stage.stream(user(2), 4);
    stage.serve();
    let asked = stage.asked();
    let [Asked::Memberships(_), Asked::Page(wish)] = asked[..] else { panic!("{asked:?}") };
    stage.revoke(user(1));
    stage.revoke(user(2));
    stage.take_memberships(user(1), &[1], cursor(11));
    stage.take_page(&wish, &[message(5, room(1))], 11, false);
    stage.serve();
    assert_eq!(waits.read(), [end("revoked", 10)]);
    assert_eq!(reads.read(), [end("revoked", 4)]);
}

#[test]
fn stream_above_the_limit_of_a_user_replaces_the_oldest_and_polls_do_not_count() {
    let mut stage = Stage::of(10, 3);
    let me = user(1);
    let subscriber = |stage: &Stage| stage.subscriber(me);
    let polls: Vec<_> = (0..5).map(|_| stage.poll(subscriber(&stage), 100, cursor(10))).collect();
    let mut streams: Vec<_> = (0..3).map(|_| stage.stream(me, 10)).collect();
    let _of_another = stage.stream(user(2), 10);
    stage.serve();
    assert!(streams.iter_mut().all(|stream| stream.read().is_empty()));
    stage.take_memberships(me, &[1], cursor(10));
    streams.extend((0..2).map(|_| stage.stream(me, 10)));
    stage.serve();
    let replaced = || vec![end("replaced", 10)];
    let told: Vec<_> = streams.iter_mut().map(Stream::read).collect();
    assert_eq!(told, [replaced(), replaced(), vec![], vec![], vec![]]);
    assert!(polls.iter().all(|poll| poll.got().is_none()));
    streams.push(stage.stream(me, 10));
    stage.serve();
    let told: Vec<_> = streams.iter_mut().map(Stream::read).collect();
    assert_eq!(told, [vec![], vec![], replaced(), vec![], vec![], vec![]]);
}

#[test]
fn revoked_user_is_closed_at_once_whether_present_or_new() {
    let mut stage = Stage::at(10);
    let mut there = stage.live(user(1), &[1]);
    let mut other = stage.live(user(2), &[1]);
    let mut read_ahead = stalled(&mut stage);
    stage.publish(&[message(16, room(1))]);
    stage.revoke(user(1));
    stage.publish(&[message(17, room(1))]);
    let mut comes = stage.stream(user(1), 10);
    stage.serve();
    assert_eq!(there.read(), [all(11..=14), vec![end("revoked", 15)]].concat());
    assert_eq!(comes.read(), [end("revoked", 10)]);
    assert_eq!(stage.read_to_the_end(&mut read_ahead), [Told::Event(11), Told::Event(12), end("revoked", 12)]);
    assert_eq!(other.events(), [11, 12, 13, 14, 16, 17]);
}

#[test]
fn draining_node_ends_the_subscriptions_that_come_later() {
    let mut stage = Stage::at(10);
    stage.dispatcher.close_all(CloseReason::Unavailable, stage.now);
    let mut stays = stage.live(user(1), &[1]);
    stage.dispatcher.close_all(CloseReason::Draining, stage.now);
    stage.publish(&[message(11, room(1))]);
    let mut comes = stage.stream(user(1), 7);
    stage.serve();
    assert_eq!(stays.read(), [end("draining", 10)]);
    assert_eq!(comes.read(), [end("draining", 7)]);
    assert_eq!(stage.asked(), []);
}

#[test]
fn sweep_ends_what_has_expired_and_what_is_old() {
    let mut stage = Stage::at(10);
    let at = stage.now + Duration::from_secs(5);
    let mut open = |reason| {
        let subscriber = Subscriber { until: (at, reason), ..stage.subscriber(user(1)) };
        stage.stream_of(subscriber, Framing::Sse, ENOUGH, cursor(10))
    };
    let mut streams = [CloseReason::Expired, CloseReason::Rotate].map(&mut open);
    stage.learn(user(1), &[1]);
    stage.sleep(Duration::from_millis(4_999));
    assert!(streams.iter_mut().all(|stream| stream.read().is_empty()));
    stage.publish(&[message(11, room(2))]);
    stage.sleep(Duration::from_millis(1));
    let told = streams.each_mut().map(Stream::read);
    assert_eq!(told, [[end("token_expiring", 11)], [end("rotate", 11)]]);
}

#[test]
fn expired_token_ends_a_stream_that_has_not_caught_up() {
    let mut stage = Stage::at(10);
    let until = (stage.now + Duration::from_secs(5), CloseReason::Expired);
    let subscriber = Subscriber { until, ..stage.subscriber(user(1)) };
    let mut stream = stage.stream_of(subscriber, Framing::Sse, ENOUGH, cursor(10));
    stage.serve();
    stage.sleep(Duration::from_secs(5));
    assert_eq!(stream.read(), [end("token_expiring", 10)]);
}

#[test]
fn heartbeat_comes_after_15_s_of_silence_or_up_to_a_second_earlier() {
    let mut stage = Stage::at(10);
    let mut live = stage.live(user(1), &[1]);
    let mut waits = stage.stream(user(2), 10);
    stage.serve();
    for _ in 0..2 {
        stage.sleep(Duration::from_secs(14));
        assert_eq!((live.read(), waits.read()), (vec![], vec![]));
        stage.sleep(Duration::from_secs(1));
        assert_eq!((live.read(), waits.read()), (vec![Told::Beat], vec![Told::Beat]));
    }
    stage.sleep(Duration::from_secs(10));
    stage.publish(&[message(11, room(1))]);
    stage.serve();
    stage.sleep(Duration::from_secs(10));
    assert_eq!((live.read(), waits.read()), (vec![Told::Event(11)], vec![Told::Beat]));
    stage.sleep(Duration::from_secs(5));
    assert_eq!(live.read(), [Told::Beat]);
    // Not while an event is about to break it.
    stage.publish(&[message(12, room(1))]);
    stage.sleep(Duration::from_secs(15));
    assert_eq!(live.read(), [Told::Event(12)]);
}

#[test]
fn stream_that_is_not_read_gets_no_heartbeats() {
    let mut stage = Stage::at(10);
    let mut stream = stalled(&mut stage);
    let subscriber = stage.subscriber(user(2));
    let mut silent = stage.live_of(subscriber, 1, &[]);
    for _ in 0..10 {
        stage.sleep(Duration::from_secs(15));
    }
    // The body takes one write, and at most one more waits.
    assert_eq!(stage.read_to_the_end(&mut stream), all(11..=14));
    assert_eq!(stage.read_to_the_end(&mut silent), [Told::Beat, Told::Beat]);
}

#[test]
fn stream_whose_end_is_not_read_is_cut() {
    for (reason, grace) in
        [(CloseReason::Revoked, 1), (CloseReason::Expired, 1), (CloseReason::Draining, 10), (CloseReason::Slow, 10)]
    {
        let mut stage = Stage::at(10);
        let stream = stalled(&mut stage);
        stage.dispatcher.close_all(reason, stage.now);
        stage.serve();
        stage.sleep(Duration::from_secs(grace));
        assert!(!stream.body.is_closed(), "{reason:?}");
        stage.sleep(Duration::from_millis(1));
        assert!(stream.body.is_closed(), "{reason:?}");
        assert_eq!(stage.dispatcher.table.len(), 0);
    }
}

#[test]
fn subscription_of_a_client_that_has_gone_is_removed() {
    let mut stage = Stage::at(10);
    let idle = stage.live(user(1), &[1]);
    let busy = stage.live(user(1), &[1]);
    let waiting = stage.stream(user(2), 5);
    stage.serve();
    drop(busy);
    stage.publish(&[message(11, room(1))]);
    stage.serve();
    assert_eq!(stage.dispatcher.table.len(), 2);
    drop((idle, waiting));
    stage.sleep(Duration::from_millis(100));
    assert_eq!(stage.dispatcher.table.len(), 0);
}

#[test]
fn stream_waits_15_s_for_postgresql() {
    let mut stage = Stage::at(10);
    let (me, other) = (user(1), user(2));
    let mut knows = stage.stream(me, 10);
    let mut reads = stage.stream(other, 5);
    stage.serve();
    let asked = stage.asked();
    let [Asked::Memberships(_), Asked::Page(wish)] = asked[..] else { panic!("{asked:?}") };
    let mut fail = |stage: &mut Stage| {
        stage.dispatcher.fail_memberships(&[me], stage.now);
        stage.dispatcher.fail_query(wish.key, wish.id, QueryKind::Page, stage.now);
        stage.serve();
        [knows.read(), reads.read()]
    };
    for _ in 0..15 {
        stage.now += Duration::from_secs(1);
        assert_eq!(fail(&mut stage), [[], []]);
        assert_eq!(stage.asked(), asked, "it is asked anew");
    }
    stage.now += Duration::from_millis(1);
    assert_eq!(fail(&mut stage), [[end("unavailable", 10)], [end("unavailable", 5)]]);
    assert_eq!(stage.asked(), []);
}
