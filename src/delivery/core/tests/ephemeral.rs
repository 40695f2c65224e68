//! What is told live only, and who is told that a message was handed over.

use super::*;
use crate::wire::{Ephemeral, Timestamp};

fn account(id: UserId) -> crate::wire::User {
    let created_at = Timestamp(crate::store::Time::UNIX_EPOCH);
    let (name, display_name) = ("ann".to_owned(), "Ann".to_owned());
    crate::wire::User { id, name, display_name, role: crate::store::UserRole::User, created_at }
}

fn typing(number: u128, conversation: u128) -> TypingNotice {
    let conversation = room(conversation);
    TypingNotice { conversation, user: user(number), event: Ephemeral::typing(&account(user(number)), conversation) }
}

fn presence(number: u128, rooms: &[u128]) -> PresenceNotice {
    let conversations = rooms.iter().map(|number| room(*number)).collect();
    PresenceNotice { user: user(number), conversations, event: Ephemeral::presence(&account(user(number)), true) }
}

fn live(kind: &str) -> Told {
    Told::Live(kind.to_owned())
}

impl Stage {
    fn deliver_typing(&mut self, number: u128, conversation: u128) {
        self.dispatcher.deliver_typing(&typing(number, conversation));
        self.serve();
    }

    fn queue_presence(&mut self, changes: Vec<PresenceNotice>) {
        self.dispatcher.queue_presence(changes);
        self.sleep(Duration::from_millis(100));
    }

    /// Waits for a message of user 99, which is who sends in these tests.
    fn await_delivery(&mut self, position: i64, conversation: u128) {
        let until = self.now + Duration::from_secs(10);
        let awaited =
            AwaitedDelivery { at: cursor(position), conversation: room(conversation), sender: user(99), until };
        self.dispatcher.await_delivery(awaited, self.now);
    }

    fn reports(&mut self) -> mpsc::Receiver<ClientReport> {
        let (sender, reports) = mpsc::channel();
        let send = move |told| {
            sender.send(told).expect("the test listens");
            Ok(())
        };
        self.dispatcher.report_to(Box::new(send));
        reports
    }
}

/// Who has been handed a message since the last look, and where that stands.
fn delivered(reports: &mpsc::Receiver<ClientReport>) -> Vec<(i64, UserId)> {
    let delivered = |report| match report {
        ClientReport::Delivered(at, user) => Some((at.position.0, user)),
        ClientReport::Connected(_) | ClientReport::Disconnected(_) | ClientReport::AllStreams(_) => None,
    };
    reports.try_iter().filter_map(delivered).collect()
}

#[test]
fn typing_reaches_the_other_members_and_moves_nobody() {
    let mut stage = Stage::at(10);
    let mut streams = [1, 2, 3].map(|number| stage.live(user(number), if number == 3 { &[2] } else { &[1] }));
    stage.deliver_typing(1, 1);
    let told = streams.each_mut().map(Stream::read);
    assert_eq!(told, [vec![], vec![live("typing")], vec![]]);
    assert_eq!(stage.dispatcher.subscription(streams[1].key).map(|stream| stream.covered), Some(cursor(10)));
    stage.deliver_typing(1, 77);
    assert!(streams.each_mut().map(Stream::read).iter().all(Vec::is_empty));
}

#[test]
fn ephemeral_event_reaches_no_former_member_and_no_stream_of_another_conversation() {
    let mut stage = Stage::at(10);
    let mut left = stage.live(user(1), &[1, 2]);
    let only = |number| Subscriber { only: Some(room(number)), ..stage.subscriber(user(2)) };
    let (here, elsewhere) = (only(1), only(2));
    let mut here = stage.live_of(here, ENOUGH, &[1, 2]);
    let mut elsewhere = stage.live_of(elsewhere, ENOUGH, &[1, 2]);
    stage.publish(&[crate::delivery::samples::left(11, room(1), &[user(1)])]);
    stage.serve();
    assert_eq!((left.events(), here.events(), elsewhere.events()), (vec![11], vec![11], vec![]));
    stage.deliver_typing(9, 1);
    stage.queue_presence(vec![presence(9, &[1])]);
    let told = vec![live("typing"), live("presence")];
    assert_eq!((left.read(), here.read(), elsewhere.read()), (vec![], told, vec![]));
}

#[test]
fn ephemeral_event_is_dropped_for_streams_that_are_behind_or_slow_and_closes_none() {
    let mut stage = Stage::at(10);
    let mut slow = stage.live_of(stage.subscriber(user(1)), 1, &[1]);
    let mut behind = stage.stream(user(2), 3);
    stage.serve();
    stage.publish(&[message(11, room(1))]);
    stage.serve();
    stage.publish(&[message(12, room(1))]);
    stage.serve();
    for _ in 0..10_000 {
        stage.deliver_typing(9, 1);
    }
    stage.sleep(Duration::from_secs(5));
    assert_eq!(stage.read_to_the_end(&mut slow), all([11, 12]));
    assert_eq!(behind.read(), []);
    stage.deliver_typing(9, 1);
    assert_eq!(slow.read(), [live("typing")]);
}

#[test]
fn durable_events_keep_their_order_and_cursors_between_ephemeral_ones() {
    let mut stage = Stage::at(10);
    let mut stream = stage.live(user(1), &[1]);
    for position in 11..20 {
        stage.dispatcher.deliver_typing(&typing(9, 1));
        stage.publish(&[message(position, room(1))]);
        stage.dispatcher.deliver_typing(&typing(9, 1));
    }
    stage.serve();
    let told = stream.read();
    assert_eq!(told.iter().filter(|told| **told == live("typing")).count(), 18);
    assert_eq!(
        positions(told.into_iter().filter(|told| *told != live("typing")).collect()),
        (11..20).collect::<Vec<_>>()
    );
    stage.dispatcher.close_all(CloseReason::Draining, stage.now);
    stage.serve();
    assert_eq!(stream.read(), [end("draining", 19)]);
}

#[test]
fn presence_change_is_delivered_once_to_who_shares_several_conversations_and_not_to_oneself() {
    let mut stage = Stage::at(10);
    let mut streams = [(1, vec![1, 2]), (2, vec![2]), (3, vec![3]), (9, vec![1, 2, 3])]
        .map(|(number, rooms)| stage.live(user(number), &rooms));
    stage.queue_presence(vec![presence(9, &[1, 2, 8])]);
    let told = streams.each_mut().map(Stream::read);
    assert_eq!(told, [vec![live("presence")], vec![live("presence")], vec![], vec![]]);
}

#[test]
fn presence_changes_are_delivered_in_parts_and_only_the_last_of_each_user() {
    let mut stage = Stage::at(10);
    let mut streams: Vec<_> = (0..50).map(|number| stage.live(user(number), &[1])).collect();
    let changes = || (1_000..1_200).map(|number| presence(number, &[1])).collect::<Vec<_>>();
    stage.dispatcher.queue_presence(changes());
    stage.dispatcher.queue_presence(changes());
    assert_eq!(stage.dispatcher.ephemera.waiting(), 200);
    stage.sleep(Duration::from_millis(100));
    let first = streams[0].read().len();
    assert!((1..=40).contains(&first), "{first}");
    for _ in 0..20 {
        stage.sleep(Duration::from_millis(100));
    }
    assert_eq!(first + streams[0].read().len(), 200);
}

#[test]
fn presence_in_a_conversation_with_more_than_50_members_here_is_not_delivered() {
    let mut stage = Stage::at(10);
    let mut streams: Vec<_> = (0..101).map(|number| stage.live(user(number), &[1])).collect();
    stage.queue_presence(vec![presence(1_000, &[1])]);
    assert!(streams.iter_mut().all(|stream| stream.read().is_empty()));
}

#[test]
fn message_counts_as_delivered_when_it_is_written_and_not_before() {
    let mut stage = Stage::at(10);
    let reports = stage.reports();
    let mut slow = stage.live_of(stage.subscriber(user(1)), 1, &[1]);
    stage.await_delivery(12, 1);
    stage.publish(&[message(11, room(1))]);
    stage.serve();
    stage.publish(&[message(12, room(1))]);
    stage.serve();
    stage.await_delivery(12, 1);
    assert_eq!(delivered(&reports), []);
    slow.read();
    stage.sleep(Duration::from_millis(100));
    assert_eq!(delivered(&reports), [(12, user(1))]);
}

#[test]
fn late_await_reports_who_has_a_message_but_not_who_came_after_it_or_sent_it() {
    let mut stage = Stage::at(10);
    let reports = stage.reports();
    let poll = stage.poll(stage.subscriber(user(2)), 10, cursor(10));
    stage.learn(user(2), &[1]);
    let streams = [1, 3, 99].map(|number| stage.live(user(number), if number == 3 { &[2] } else { &[1] }));
    stage.publish(&[message(11, room(1)), message(12, room(2))]);
    stage.serve();
    let _late = stage.live(user(4), &[1]);
    assert_eq!(poll.got().map(|got| got.events), Some(vec![11]));
    stage.await_delivery(11, 1);
    assert_eq!(delivered(&reports), [(11, user(1)), (11, user(2))]);
    drop(streams);
}

#[test]
fn poll_that_is_answered_has_its_messages() {
    let mut stage = Stage::at(10);
    let reports = stage.reports();
    let poll = stage.poll(stage.subscriber(user(1)), 1, cursor(10));
    stage.learn(user(1), &[1]);
    stage.await_delivery(11, 1);
    stage.await_delivery(12, 1);
    stage.publish(&[message(11, room(1)), message(12, room(1))]);
    stage.serve();
    assert_eq!(poll.got().map(|got| got.events), Some(vec![11]), "one at a time");
    assert_eq!(delivered(&reports), [(11, user(1))]);
}

#[test]
fn message_that_is_read_from_the_log_counts_as_delivered() {
    let mut stage = Stage::at(10);
    let reports = stage.reports();
    let mut stream = stage.stream(user(1), 5);
    stage.serve();
    let wish = stage.page_wish(5, 10);
    stage.await_delivery(11, 1);
    stage.publish(&[message(11, room(1))]);
    stage.serve();
    assert_eq!(delivered(&reports), []);
    stage.take_page(&wish, &[message(8, room(1))], 10, false);
    stage.serve();
    stage.learn(user(1), &[1]);
    assert_eq!(stream.events(), [8, 11]);
    assert_eq!(delivered(&reports), [(11, user(1))]);
}

#[test]
fn awaited_delivery_is_not_reported_after_its_time_or_in_another_history() {
    let mut stage = Stage::at(10);
    let reports = stage.reports();
    let _stream = stage.live(user(1), &[1]);
    stage.await_delivery(11, 1);
    stage.sleep(Duration::from_secs(11));
    stage.publish(&[message(11, room(1))]);
    stage.serve();
    assert_eq!(delivered(&reports), []);
    let at = cursor_of(Epoch(7), 11);
    let until = stage.now + Duration::from_secs(10);
    stage.dispatcher.await_delivery(AwaitedDelivery { at, conversation: room(1), sender: user(99), until }, stage.now);
    assert_eq!(delivered(&reports), []);
}

#[test]
fn connections_are_reported_when_they_open_and_close_and_on_demand() {
    let mut stage = Stage::at(10);
    let reports = stage.reports();
    let poll = stage.poll(stage.subscriber(user(1)), 1, cursor(10));
    let stream = stage.stream_of(stage.subscriber(user(2)), Framing::Ndjson, ENOUGH, cursor(10));
    stage.dispatcher.report_all_streams();
    stage.dispatcher.remove(stream.key, stage.now);
    stage.dispatcher.remove(poll.key, stage.now);
    let told: Vec<_> = reports.try_iter().collect();
    let [
        ClientReport::Connected(came),
        ClientReport::Connected(next),
        ClientReport::AllStreams(all),
        ClientReport::Disconnected(went),
        ClientReport::Disconnected(last),
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((came.transport, next.transport), (crate::store::Transport::Poll, crate::store::Transport::Ndjson));
    assert_eq!((went, last, &all[..]), (next, came, &[*next][..]));
}

#[test]
fn typing_in_a_conversation_with_more_than_50_members_here_is_not_delivered() {
    let mut stage = Stage::at(10);
    let mut streams: Vec<_> = (1..=50).map(|number| stage.live(user(number), &[1])).collect();
    stage.deliver_typing(1, 1);
    assert!(streams.iter_mut().skip(1).all(|stream| stream.read() == [live("typing")]));
    streams.push(stage.live(user(51), &[1]));
    stage.deliver_typing(1, 1);
    assert!(streams.iter_mut().all(|stream| stream.read().is_empty()));
}
