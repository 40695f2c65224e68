//! Long polls.

use super::*;

const WAIT: Duration = Duration::from_secs(25);

/// Admits a poll of user 1 that waits for 25 s.
fn poll(stage: &mut Stage, limit: usize, from: i64) -> Polling {
    let until = (stage.now + WAIT, CloseReason::Waited);
    stage.poll(Subscriber { until, ..stage.subscriber(user(1)) }, limit, cursor(from))
}

fn got(events: impl IntoIterator<Item = i64>, covered: i64, more: bool) -> Option<Got> {
    Some(Got { events: events.into_iter().collect(), covered: cursor(covered), more, close: None })
}

fn ended(covered: i64, close: CloseReason) -> Option<Got> {
    Some(Got { events: Vec::new(), covered: cursor(covered), more: false, close: Some(close) })
}

#[test]
fn poll_is_answered_by_the_first_event_with_all_that_has_come_until_its_turn() {
    let mut stage = Stage::at(10);
    let client = poll(&mut stage, 100, 10);
    stage.learn(user(1), &[1]);
    stage.publish(&[message(11, room(2))]);
    stage.serve();
    assert_eq!(client.got(), None);
    stage.publish(&[message(12, room(1)), message(13, room(1)), message(14, room(2))]);
    stage.serve();
    // Also what was not the user's is behind it.
    assert_eq!(client.got(), got([12, 13], 14, false));
    assert_eq!(stage.dispatcher.table.len(), 0);
}

#[test]
fn poll_is_answered_by_what_it_missed() {
    let mut stage = Stage::at(10);
    stage.publish(&[message(11, room(1)), message(12, room(2)), message(13, room(1)), message(14, room(2))]);
    let client = poll(&mut stage, 100, 10);
    stage.learn(user(1), &[1]);
    assert_eq!(client.got(), got([11, 13], 14, false));
}

#[test]
fn limit_cuts_an_answer_at_its_last_event() {
    for (limit, expected) in [(1, got([11], 11, true)), (2, got([11, 13], 13, true)), (3, got([11, 13, 14], 15, false))]
    {
        let mut stage = Stage::at(10);
        let live = poll(&mut stage, limit, 10);
        stage.learn(user(1), &[1]);
        stage.publish(&[message(11, room(1)), message(12, room(2)), message(13, room(1)), message(14, room(1))]);
        stage.publish(&[message(15, room(2))]);
        let missed = poll(&mut stage, limit, 10);
        stage.serve();
        assert_eq!([live.got(), missed.got()], [expected.clone(), expected]);
    }
}

#[test]
fn answer_has_what_96_kib_hold_and_says_that_there_is_more() {
    let mut stage = Stage::at(10);
    let large: Vec<_> = (11..=15).map(|position| long_message(position, room(1), 50_000)).collect();
    stage.publish(&large);
    stage.publish(&[message(16, room(2))]);
    let client = poll(&mut stage, 100, 10);
    stage.learn(user(1), &[1]);
    assert_eq!(client.got(), got([11], 11, true));
}

#[test]
fn poll_below_the_ring_is_answered_by_a_page() {
    let mut stage = Stage::at(10);
    let client = poll(&mut stage, 2, 3);
    stage.serve();
    let wish = stage.page_wish(3, 10);
    assert_eq!(wish.limit, Some(2));
    stage.publish(&[message(11, room(1))]);
    stage.take_page(&wish, &[4, 6].map(|position| message(position, room(1))), 6, true);
    stage.serve();
    assert_eq!(client.got(), got([4, 6], 6, true));
}

#[test]
fn poll_that_missed_nothing_below_the_ring_continues_from_there() {
    let mut stage = Stage::at(10);
    let client = poll(&mut stage, 2, 3);
    stage.serve();
    let wish = stage.page_wish(3, 10);
    stage.publish(&[message(11, room(2))]);
    stage.take_page(&wish, &[], 10, false);
    stage.learn(user(1), &[1]);
    assert_eq!(client.got(), None);
    stage.publish(&[message(12, room(1))]);
    stage.serve();
    assert_eq!(client.got(), got([12], 12, false));
}

#[test]
fn poll_that_times_out_covers_the_events_of_others() {
    let mut stage = Stage::at(10);
    let client = poll(&mut stage, 100, 10);
    stage.learn(user(1), &[1]);
    stage.publish(&[message(11, room(2))]);
    stage.sleep(WAIT - Duration::from_millis(1));
    assert_eq!(client.got(), None);
    stage.sleep(Duration::from_millis(1));
    assert_eq!(client.got(), ended(11, CloseReason::Waited));
}

#[test]
fn poll_looks_at_what_it_missed_however_little_it_waits() {
    let mut stage = Stage::at(10);
    stage.publish(&[message(11, room(1)), message(12, room(2))]);
    let at_once = |stage: &mut Stage, from| {
        let until = (stage.now, CloseReason::Waited);
        stage.poll(Subscriber { until, ..stage.subscriber(user(1)) }, 100, cursor(from))
    };
    let clients = [4, 10, 11].map(|from| at_once(&mut stage, from));
    stage.serve();
    stage.sleep(WAIT);
    assert!(clients.iter().all(|client| client.got().is_none()), "they are still looking");
    let asked = stage.asked();
    let [Asked::Page(wish), Asked::Memberships(_)] = asked[..] else { panic!("{asked:?}") };
    stage.take_memberships(user(1), &[1], cursor(12));
    stage.take_page(&wish, &[], 12, false);
    stage.serve();
    assert_eq!(
        clients.map(|client| client.got()),
        [ended(12, CloseReason::Waited), got([11], 12, false), ended(12, CloseReason::Waited)]
    );
}

#[test]
fn expired_token_ends_a_poll_before_its_time() {
    let mut stage = Stage::at(10);
    let until = (stage.now + Duration::from_secs(5), CloseReason::Expired);
    let client = stage.poll(Subscriber { until, ..stage.subscriber(user(1)) }, 100, cursor(4));
    stage.serve();
    stage.sleep(Duration::from_secs(5));
    assert_eq!(client.got(), ended(4, CloseReason::Expired));
}

#[test]
fn poll_that_is_closed_is_answered_with_the_events_that_it_may_still_have() {
    for (reason, kept) in [
        (CloseReason::Draining, got([11], 12, false)),
        (CloseReason::Expired, got([11], 12, false)),
        (CloseReason::Revoked, ended(10, CloseReason::Revoked)),
        (CloseReason::Unavailable, ended(10, CloseReason::Unavailable)),
    ] {
        let mut stage = Stage::at(10);
        let client = poll(&mut stage, 100, 10);
        stage.learn(user(1), &[1]);
        stage.publish(&[message(11, room(1)), message(12, room(2))]);
        stage.dispatcher.close_all(reason, stage.now);
        stage.serve();
        assert_eq!(client.got(), kept);
    }
}

#[test]
fn events_after_the_close_of_a_poll_are_not_covered() {
    let mut stage = Stage::at(10);
    let busy = poll(&mut stage, 100, 10);
    let idle = Subscriber { only: Some(room(2)), ..stage.subscriber(user(1)) };
    let idle = stage.poll(idle, 100, cursor(10));
    stage.learn(user(1), &[1, 2]);
    stage.publish(&[message(11, room(1))]);
    stage.dispatcher.close_all(CloseReason::Draining, stage.now);
    stage.publish(&[message(12, room(1)), message(13, room(2))]);
    stage.serve();
    assert_eq!([busy.got(), idle.got()], [got([11], 11, false), ended(11, CloseReason::Draining)]);
}

#[test]
fn query_result_after_the_end_of_a_poll_answers_nothing() {
    let mut stage = Stage::at(10);
    stage.publish(&[message(11, room(1))]);
    let client = poll(&mut stage, 100, 10);
    stage.serve();
    stage.revoke(user(1));
    stage.take_memberships(user(1), &[1], cursor(11));
    stage.serve();
    assert_eq!(client.got(), ended(10, CloseReason::Revoked));
}

#[test]
fn poll_whose_events_have_left_the_ring_reads_them_in_the_log() {
    let mut stage = Stage::at(10);
    let client = poll(&mut stage, 100, 10);
    stage.learn(user(1), &[1]);
    stage.publish(&[message(11, room(1)), message(12, room(2))]);
    stage.dispatcher.recent.ring_mut().narrow(1_024);
    stage.publish(&[message(13, room(2))]);
    stage.serve();
    let wish = stage.page_wish(10, 13);
    assert_eq!((client.got(), wish.limit), (None, Some(100)));
}

#[test]
fn poll_ends_when_postgresql_does_not_answer() {
    let mut stage = Stage::at(10);
    let knows = poll(&mut stage, 100, 10);
    let reads = poll(&mut stage, 100, 4);
    stage.serve();
    let asked = stage.asked();
    let [Asked::Memberships(_), Asked::Page(wish)] = asked[..] else { panic!("{asked:?}") };
    stage.dispatcher.fail_memberships(&[user(1)], stage.now);
    stage.dispatcher.fail_query(wish.key, wish.id, QueryKind::Page, stage.now);
    stage.serve();
    assert_eq!([knows.got(), reads.got()], [ended(10, CloseReason::Unavailable), ended(4, CloseReason::Unavailable)]);
    assert_eq!(stage.asked(), []);
}

#[test]
fn poll_ends_with_the_request_that_waits_for_it() {
    let mut stage = Stage::at(10);
    let until = (stage.now + WAIT, CloseReason::Waited);
    let subscriber = Subscriber { until, ..stage.subscriber(user(1)) };
    let asker = std::sync::Arc::new(());
    let weak = Some(std::sync::Arc::downgrade(&asker));
    let answer = Box::new(|_| panic!("nobody waits"));
    let poll = Box::new(LongPoll { limit: 100, socket: None, asker: weak, early: Vec::new(), answer });
    stage.admit(subscriber, Receiver::Poll(poll), cursor(10));
    stage.sleep(Duration::from_secs(1));
    assert_eq!(stage.dispatcher.table.len(), 1);
    drop(asker);
    stage.sleep(Duration::from_secs(1));
    assert_eq!(stage.dispatcher.table.len(), 0);
}
