//! Another history of the log begins.

use super::*;

const NEXT: Epoch = Epoch(2);

/// A good cursor, as it is judged under the next epoch.
fn judged(stage: &mut Stage, ask: Asked) {
    let Asked::Judgement(key, id, covered) = ask else { panic!("a judgement should have been asked for: {ask:?}") };
    stage.dispatcher.take_judgement(key, id, StartPoint { from: covered, epoch: NEXT }, None, stage.now);
}

#[test]
fn cursors_are_judged_again_after_a_rebase_and_subscriptions_continue_from_there() {
    let mut stage = Stage::at(10);
    let me = user(1);
    let mut streams = [stage.live(me, &[1]), stage.live(me, &[1])];
    let subscriber = stage.subscriber(me);
    let poll = stage.poll(subscriber, 100, cursor(10));
    stage.publish(&[message(11, room(1))]);
    stage.serve();
    assert!(poll.got().is_some());
    let subscriber = stage.subscriber(me);
    let poll = stage.poll(subscriber, 100, cursor(11));
    stage.publish(&[message(12, room(2))]);
    stage.serve();
    stage.dispatcher.rebase(cursor_of(NEXT, 12), stage.now);
    stage.serve();
    let asked = stage.asked();
    // Who had everything has it up to where the hub was.
    let covered: Vec<_> =
        asked.iter().map(|ask| if let Asked::Judgement(_, _, at) = ask { Some(*at) } else { None }).collect();
    assert_eq!(covered, [Some(cursor(12)); 3]);
    stage.publish(&[under(NEXT, &message(13, room(1)))]);
    asked.into_iter().for_each(|ask| judged(&mut stage, ask));
    stage.serve();
    // Nothing that was known of memberships holds.
    assert_eq!(stage.asked(), [Asked::Memberships(me)]);
    stage.take_memberships(me, &[1], cursor_of(NEXT, 12));
    stage.publish(&[under(NEXT, &message(14, room(1)))]);
    stage.serve();
    assert_eq!(streams.each_mut().map(Stream::events), [[11, 13, 14], [11, 13, 14]]);
    let covered = cursor_of(NEXT, 14);
    assert_eq!(poll.got(), Some(Got { events: vec![13, 14], covered, more: false, close: None }));
}

#[test]
fn pending_events_are_dropped_by_a_rebase_and_the_cursor_is_judged_from_what_was_written() {
    let mut stage = Stage::at(10);
    let mut stream = stage.live(user(1), &[1]);
    stage.publish(&[message(11, room(1))]);
    stage.serve();
    stage.publish(&[message(12, room(1)), message(13, room(1))]);
    stage.dispatcher.rebase(cursor_of(NEXT, 11), stage.now);
    stage.serve();
    let subscription = (stream.key, stream.id);
    assert_eq!(stage.asked(), [Asked::Judgement(subscription.0, subscription.1, cursor(11))]);
    assert_eq!(stream.events(), [11]);
}

#[test]
fn stream_with_a_dead_cursor_gets_a_reset_and_continues() {
    let mut stage = Stage::at(10);
    let me = user(1);
    let mut stream = stage.live(me, &[1]);
    stage.publish(&[message(11, room(1)), message(12, room(1))]);
    stage.serve();
    stage.dispatcher.rebase(cursor_of(NEXT, 10), stage.now);
    stage.publish(&[under(NEXT, &message(11, room(1)))]);
    let fresh = StartPoint { from: cursor_of(NEXT, 11), epoch: NEXT };
    stage.dispatcher.take_judgement(stream.key, stream.id, fresh, Some(ResetCode::CursorUnknown), stage.now);
    stage.serve();
    stage.publish(&[under(NEXT, &message(12, room(1)))]);
    stage.take_memberships(me, &[1], cursor_of(NEXT, 11));
    stage.publish(&[under(NEXT, &message(13, room(1)))]);
    stage.serve();
    let reset = Told::Reset("cursor_unknown".to_owned(), cursor_of(NEXT, 11));
    assert_eq!(stream.read(), [all([11, 12]), vec![reset], all([12, 13])].concat());
}

#[test]
fn poll_with_a_dead_cursor_is_given_a_fresh_one() {
    let mut stage = Stage::at(10);
    let subscriber = stage.subscriber(user(1));
    let poll = stage.poll(subscriber, 100, cursor(10));
    stage.learn(user(1), &[1]);
    stage.publish(&[message(11, room(1))]);
    stage.dispatcher.rebase(cursor_of(NEXT, 9), stage.now);
    let fresh = StartPoint { from: cursor_of(NEXT, 9), epoch: NEXT };
    stage.dispatcher.take_judgement(poll.key, subscriber.id, fresh, Some(ResetCode::CursorExpired), stage.now);
    stage.serve();
    let close = Some(CloseReason::UnusableCursor(ResetCode::CursorExpired));
    assert_eq!(poll.got(), Some(Got { events: vec![], covered: fresh.from, more: false, close }));
}

#[test]
fn cursor_that_was_judged_under_another_epoch_is_judged_again_on_admission() {
    let mut stage = Stage::at(10);
    stage.dispatcher.rebase(cursor_of(NEXT, 10), stage.now);
    let mut stream = stage.stream(user(1), 8);
    stage.serve();
    assert_eq!(stage.asked(), [Asked::Judgement(stream.key, stream.id, cursor(8))]);
    // Once more, for this was still the old one.
    let start = StartPoint { from: cursor(8), epoch: EPOCH };
    stage.dispatcher.take_judgement(stream.key, stream.id, start, None, stage.now);
    stage.serve();
    let asked = stage.asked();
    assert_eq!(asked, [Asked::Judgement(stream.key, stream.id, cursor(8))]);
    judged(&mut stage, asked[0]);
    stage.serve();
    let asked = stage.asked();
    let [Asked::Page(wish)] = asked[..] else { panic!("{asked:?}") };
    assert_eq!((wish.covered, wish.upto), (cursor(8), cursor_of(NEXT, 10)));
    stage.take_page(&wish, &[message(9, room(1))], 10, false);
    stage.serve();
    assert_eq!(stream.events(), [9]);
}

#[test]
fn query_results_from_before_a_rebase_are_dropped() {
    let mut stage = Stage::at(10);
    let me = user(1);
    let mut knows = stage.stream(me, 10);
    let mut reads = stage.stream(user(2), 5);
    stage.serve();
    let asked = stage.asked();
    let [Asked::Memberships(_), Asked::Page(wish)] = asked[..] else { panic!("{asked:?}") };
    // It waits for the hub to come that far, which it never does.
    stage.take_memberships(me, &[1], cursor(12));
    stage.dispatcher.rebase(cursor_of(NEXT, 10), stage.now);
    let judgements = stage.asked();
    stage.take_page(&wish, &[message(6, room(1))], 10, false);
    stage.take_memberships(me, &[1], cursor(10));
    stage.serve();
    assert_eq!((knows.read(), reads.read(), stage.asked()), (vec![], vec![], vec![]));
    judgements.into_iter().for_each(|ask| judged(&mut stage, ask));
    stage.serve();
    let asked = stage.asked();
    assert!(matches!(asked[..], [Asked::Memberships(_), Asked::Page(_)]), "{asked:?}");
    let events = [11, 12, 13].map(|position| under(NEXT, &message(position, room(1))));
    stage.publish(&events);
    stage.take_memberships(me, &[2], cursor_of(NEXT, 10));
    stage.serve();
    assert_eq!(knows.events(), NOTHING);
}

#[test]
fn page_of_a_lost_history_is_dropped_under_the_next() {
    let mut stage = Stage::at(10);
    let mut stream = stage.stream(user(1), 5);
    stage.serve();
    let old = stage.page_wish(5, 10);
    stage.dispatcher.rebase(cursor_of(NEXT, 7), stage.now);
    let judgement = stage.asked()[0];
    judged(&mut stage, judgement);
    stage.serve();
    let asked = stage.asked();
    let [Asked::Page(wish)] = asked[..] else { panic!("{asked:?}") };
    assert_eq!(wish.upto, cursor_of(NEXT, 7));
    let of = |positions: std::ops::RangeInclusive<i64>| positions.map(|at| message(at, room(1))).collect::<Vec<_>>();
    stage.take_page(&old, &of(6..=10), 10, false);
    stage.take_page(&wish, &of(6..=7), 7, false);
    stage.publish(&of(8..=9).iter().map(|event| under(NEXT, event)).collect::<Vec<_>>());
    stage.serve();
    stage.take_memberships(user(1), &[1], cursor_of(NEXT, 7));
    stage.serve();
    assert_eq!(stream.events(), [6, 7, 8, 9]);
}

/// Answers all that is asked, where every event is of room 1, whose member the one user is.
fn settle(stage: &mut Stage) {
    loop {
        stage.serve();
        let asked = stage.asked();
        if asked.is_empty() {
            return;
        }
        let head = stage.dispatcher.head();
        for asked in asked {
            match asked {
                Asked::Memberships(user) => stage.take_memberships(user, &[1], head),
                Asked::Page(wish) => {
                    let positions = wish.covered.position.0 + 1..=wish.upto.position.0;
                    let events: Vec<_> = positions.map(|at| message(at, room(1))).collect();
                    stage.take_page(&wish, &events, wish.upto.position.0, false);
                }
                Asked::Judgement(key, id, from) => {
                    stage.dispatcher.take_judgement(key, id, StartPoint { from, epoch: head.epoch }, None, stage.now);
                }
            }
        }
    }
}

#[test]
fn page_that_was_asked_for_before_a_gap_is_not_sent_twice() {
    let mut stage = Stage::at(10);
    let mut stream = stage.stream(user(1), 5);
    stage.serve();
    let old = stage.page_wish(5, 10);
    stage.dispatcher.rebase(cursor(12), stage.now);
    let asked = stage.asked();
    let start = StartPoint { from: cursor(5), epoch: EPOCH };
    assert_eq!(asked, [Asked::Judgement(stream.key, stream.id, start.from)]);
    stage.dispatcher.take_judgement(stream.key, stream.id, start, None, stage.now);
    stage.serve();
    let new = stage.page_wish(5, 12);
    stage.take_page(&old, &[message(6, room(1))], 6, true);
    stage.serve();
    stage.take_page(&new, &[message(6, room(1)), message(7, room(1))], 7, true);
    settle(&mut stage);
    assert_eq!(stream.events(), [6, 7, 8, 9, 10, 11, 12]);
}

#[test]
fn judgement_from_before_a_gap_moves_no_cursor_back() {
    let mut stage = Stage::at(10);
    let mut stream = stage.stream(user(1), 5);
    stage.dispatcher.rebase(cursor(12), stage.now);
    stage.dispatcher.rebase(cursor(14), stage.now);
    let late = StartPoint { from: cursor(5), epoch: EPOCH };
    assert_eq!(stage.asked(), [Asked::Judgement(stream.key, stream.id, late.from); 2]);
    stage.dispatcher.take_judgement(stream.key, stream.id, late, None, stage.now);
    settle(&mut stage);
    stage.dispatcher.rebase(cursor(16), stage.now);
    stage.dispatcher.take_judgement(stream.key, stream.id, late, None, stage.now);
    settle(&mut stage);
    assert_eq!(stream.events(), (6..=16).collect::<Vec<_>>());
}

#[test]
fn closed_subscription_covers_no_more_after_a_rebase() {
    let mut stage = Stage::at(10);
    let mut stream = stage.live(user(1), &[1]);
    stage.publish(&[message(11, room(2))]);
    stage.dispatcher.close_all(CloseReason::Draining, stage.now);
    // It is sent away, so it does not get it.
    stage.publish(&[message(12, room(1))]);
    stage.dispatcher.rebase(cursor_of(NEXT, 12), stage.now);
    stage.serve();
    assert_eq!(stream.read(), [end("draining", 11)]);
    assert_eq!(stage.asked(), []);
}

#[test]
fn rebase_keeps_no_user_no_topic_and_no_subscription() {
    let mut stage = Stage::at(10);
    let streams = [1, 1, 2].map(|number| stage.live(user(number), &[1, 2]));
    stage.publish(&[message(11, room(3))]);
    assert_eq!(stage.sizes(), (2, 3));
    stage.dispatcher.rebase(cursor_of(NEXT, 10), stage.now);
    assert_eq!(stage.sizes(), (2, 0));
    drop(streams);
    stage.sleep(Duration::from_millis(100));
    stage.sleep(Duration::from_secs(60));
    assert_eq!((stage.sizes(), stage.dispatcher.table.len()), ((0, 0), 0));
}
