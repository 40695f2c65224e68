//! What the dispatcher does when a queue is full into which it must put without waiting.

use super::*;
use crate::delivery::core::reports::ClientReport;

#[test]
fn query_that_finds_its_queue_full_is_held_back_and_sent_later() {
    let mut stage = Stage::at(10);
    stage.allow_queries(0);
    let mut streams: Vec<_> = (1..=3).map(|number| stage.stream(user(number), 10)).collect();
    let below = stage.stream(user(4), 5);
    stage.serve();
    assert_eq!(stage.asked(), []);
    stage.allow_queries(2);
    stage.sleep(Duration::from_millis(100));
    assert_eq!(stage.asked(), [Asked::Memberships(user(1)), Asked::Memberships(user(2))]);
    stage.allow_queries(usize::MAX);
    stage.sleep(Duration::from_millis(100));
    let asked = stage.asked();
    let [Asked::Memberships(third), Asked::Page(wish)] = asked[..] else { panic!("{asked:?}") };
    assert_eq!((third, wish.key, wish.covered), (user(3), below.key, cursor(5)));
    stage.publish(&[message(11, room(1))]);
    (1..=3).for_each(|number| stage.take_memberships(user(number), &[1], cursor(10)));
    stage.serve();
    assert!(streams.iter_mut().all(|stream| stream.events() == [11]));
    assert_eq!(stage.asked(), []);
}

#[test]
fn query_that_is_held_back_ends_with_its_subscription_and_is_sent_for_the_others_of_its_user() {
    let mut stage = Stage::at(10);
    stage.allow_queries(0);
    let gone = stage.stream(user(1), 10);
    let mut stays = stage.stream(user(1), 10);
    stage.serve();
    drop(gone);
    stage.sleep(Duration::from_millis(100));
    stage.allow_queries(usize::MAX);
    stage.sleep(Duration::from_millis(100));
    assert_eq!(stage.asked(), [Asked::Memberships(user(1))]);
    stage.take_memberships(user(1), &[1], cursor(10));
    stage.publish(&[message(11, room(1))]);
    stage.serve();
    assert_eq!(stays.events(), [11]);
}

#[test]
fn judgement_that_finds_its_queue_full_is_held_back_and_sent_later() {
    let mut stage = Stage::at(10);
    let stream = stage.live(user(1), &[1]);
    stage.allow_queries(0);
    stage.dispatcher.rebase(cursor_of(Epoch(2), 10), stage.now);
    stage.sleep(Duration::from_millis(100));
    assert_eq!(stage.asked(), []);
    stage.allow_queries(usize::MAX);
    stage.sleep(Duration::from_millis(100));
    assert_eq!(stage.asked(), [Asked::Judgement(stream.key, stream.id, cursor(10))]);
}

/// Takes in that the cursor of a judgement is good under the second epoch.
fn judge(stage: &mut Stage, ask: Asked) {
    let Asked::Judgement(key, id, covered) = ask else { panic!("a judgement should have been asked for: {ask:?}") };
    stage.dispatcher.take_judgement(key, id, StartPoint { from: covered, epoch: Epoch(2) }, None, stage.now);
}

#[test]
fn answer_that_is_taken_in_sends_the_next_query_that_was_held_back_without_a_sweep() {
    let mut stage = Stage::at(10);
    let streams: Vec<_> = (1..=4).map(|number| stage.live(user(number), &[1])).collect();
    stage.allow_queries(1);
    stage.dispatcher.rebase(cursor_of(Epoch(2), 10), stage.now);
    let mut judged = Vec::new();
    for _ in &streams {
        let asked = stage.asked();
        let [Asked::Judgement(key, ..)] = asked[..] else { panic!("one at a time: {asked:?}") };
        judged.push(key);
        stage.allow_queries(1);
        judge(&mut stage, asked[0]);
    }
    assert_eq!(judged, streams.iter().map(|stream| stream.key).collect::<Vec<_>>());
}

#[test]
fn memberships_that_are_taken_in_send_the_next_query_that_was_held_back_without_a_sweep() {
    let mut stage = Stage::at(10);
    let _streams: Vec<_> = (1..=2).map(|number| stage.stream(user(number), 10)).collect();
    stage.allow_queries(1);
    stage.serve();
    assert_eq!(stage.asked(), [Asked::Memberships(user(1))]);
    stage.allow_queries(1);
    stage.take_memberships(user(1), &[1], cursor(10));
    assert_eq!(stage.asked(), [Asked::Memberships(user(2))]);
}

#[test]
fn page_and_its_failure_send_the_next_page_query_that_was_held_back_without_a_sweep() {
    let mut stage = Stage::at(10);
    let streams: Vec<_> = (1..=4).map(|number| stage.stream(user(number), 5)).collect();
    stage.allow_queries(1);
    stage.serve();
    let next_page = |stage: &mut Stage, of: usize| {
        let asked = stage.asked();
        let Some(Asked::Page(wish)) = asked.last() else { panic!("a page: {asked:?}") };
        assert_eq!(wish.key, streams[of].key);
        *wish
    };
    let first = next_page(&mut stage, 0);
    stage.allow_queries(1);
    stage.take_page(&first, &[], 10, false);
    let second = next_page(&mut stage, 1);
    // Its judgement and the next page.
    stage.allow_queries(2);
    stage.dispatcher.judge_again(second.key, second.id, stage.now);
    let third = next_page(&mut stage, 2);
    stage.dispatcher.remove(third.key, stage.now);
    stage.allow_queries(1);
    stage.dispatcher.fail_query(third.key, third.id, QueryKind::Page, stage.now);
    next_page(&mut stage, 3);
}

#[test]
fn full_queue_of_one_kind_holds_back_no_query_of_another_kind() {
    let mut stage = Stage::at(10);
    stage.allow_queries(0);
    let _waits = stage.stream(user(1), 10);
    let below = stage.stream(user(2), 5);
    stage.serve();
    stage.allow_queries(usize::MAX);
    stage.fill_queue_of(QueryKind::Memberships);
    stage.sleep(Duration::from_millis(100));
    let asked = stage.asked();
    let [Asked::Page(wish)] = asked[..] else { panic!("the page alone: {asked:?}") };
    assert_eq!(wish.key, below.key);
}

#[test]
fn query_that_is_replaced_by_one_of_another_kind_is_not_sent_again() {
    let mut stage = Stage::at(10);
    stage.allow_queries(0);
    let below = stage.stream(user(1), 5);
    stage.serve();
    stage.allow_queries(usize::MAX);
    stage.dispatcher.rebase(cursor_of(Epoch(2), 10), stage.now);
    assert_eq!(stage.asked(), [Asked::Judgement(below.key, below.id, cursor(5))]);
    stage.sleep(Duration::from_millis(100));
    assert_eq!(stage.asked(), []);
}

#[test]
fn report_that_finds_its_queue_full_is_held_back_and_one_of_a_client_that_came_and_went_is_dropped() {
    let mut stage = Stage::at(10);
    let (sender, reports) = mpsc::sync_channel(1);
    let send = move |report| {
        sender.try_send(report).map_err(|error| match error {
            mpsc::TrySendError::Full(report) | mpsc::TrySendError::Disconnected(report) => report,
        })
    };
    stage.dispatcher.report_to(Box::new(send));
    let first = stage.stream(user(1), 10);
    let second = stage.stream(user(2), 10);
    let passing = stage.stream(user(3), 10);
    stage.dispatcher.remove(passing.key, stage.now);
    stage.dispatcher.remove(first.key, stage.now);
    stage.dispatcher.report_all_streams();
    let mut told = Vec::new();
    for _ in 0..6 {
        told.extend(reports.try_iter().map(|report| match report {
            ClientReport::Connected(opened) => ("connected", vec![opened.id]),
            ClientReport::Disconnected(gone) => ("disconnected", vec![gone.id]),
            ClientReport::AllStreams(streams) => ("all", streams.iter().map(|stream| stream.id).collect()),
            ClientReport::Delivered(..) => ("delivered", Vec::new()),
        }));
        stage.sleep(Duration::from_millis(100));
    }
    let expected = [
        ("connected", vec![first.id]),
        ("disconnected", vec![first.id]),
        ("connected", vec![second.id]),
        ("all", vec![second.id]),
    ];
    assert_eq!(told, expected);
}
