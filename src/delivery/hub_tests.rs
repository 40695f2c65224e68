use super::*;
use crate::ids::Position;
use crate::log::Payload;
use crate::log::read::Standing;
use crate::store::{EventKind, Time};
use crate::wire::{ChangePayload, Names};
use futures_util::FutureExt as _;
use std::time::Duration;
use uuid::Uuid;

#[path = "hub_history_tests.rs"]
mod histories;

const EPOCH: Epoch = Epoch(1);
/// No positions.
const NOTHING: [i64; 0] = [];

fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn room(number: u128) -> ConversationId {
    ConversationId(Uuid::from_u128(number))
}

fn cursor(position: i64) -> Cursor {
    Cursor { epoch: EPOCH, position: Position(position) }
}

fn event(position: i64, room: ConversationId, kind: EventKind, payload: Payload) -> Arc<Event> {
    Arc::new(Event {
        position: Position(position),
        epoch: EPOCH,
        conversation: room,
        kind,
        message: None,
        sender: user(99),
        created_at: Time::UNIX_EPOCH,
        payload,
    })
}

fn message(position: i64, room: ConversationId) -> Arc<Event> {
    event(position, room, EventKind::MessageCreated, Payload("{}".into()))
}

fn change(position: i64, room: ConversationId, kind: EventKind, concerns: &[UserId]) -> Arc<Event> {
    let data = serde_json::value::to_raw_value(&()).unwrap();
    let actor = Names { name: "ann".into(), display_name: "Ann".into() };
    let payload = ChangePayload { actor, data: &data, concerns: concerns.to_vec() }.to_payload();
    event(position, room, kind, payload)
}

fn joined(position: i64, room: ConversationId, concerns: &[UserId]) -> Arc<Event> {
    change(position, room, EventKind::MemberJoined, concerns)
}

fn left(position: i64, room: ConversationId, concerns: &[UserId]) -> Arc<Event> {
    change(position, room, EventKind::MemberLeft, concerns)
}

fn subscriber(user: UserId) -> Subscriber {
    Subscriber {
        id: ConnectionId::new(),
        user,
        session: None,
        transport: Transport::Stream,
        only: None,
        expires_at: Instant::now() + Duration::from_secs(3_600),
        rotates_at: None,
        cut: CancellationToken::new(),
    }
}

/// Memberships that began before all that the tests publish, read at `head`.
fn member_of(rooms: &[ConversationId], head: i64) -> Standings {
    let standing = |room: &ConversationId| Standing { conversation: *room, joined_at: Position::ZERO, left_at: None };
    Standings { head: cursor(head), memberships: rooms.iter().map(standing).collect() }
}

/// Takes a client in and lets it receive.
fn subscribe(hub: &Hub, subscriber: Subscriber, standings: &Standings) -> Arc<Queue> {
    let queue = hub.enlist(subscriber.clone());
    assert_eq!(hub.attach(subscriber.id, standings), Some(hub.published()));
    queue
}

/// Takes all that waits, piece by piece.
fn taken(queue: &Queue) -> Vec<i64> {
    let mut positions = Vec::new();
    loop {
        let taken = queue.take();
        positions.extend(taken.events.iter().map(|event| event.event.position.0));
        if taken.drained {
            return positions;
        }
    }
}

#[test]
fn events_reach_the_members_in_the_order_of_the_log_with_their_own_join_and_leave() {
    let hub = Hub::new(cursor(10), 20);
    let (old, new) = (user(1), user(2));
    let old = subscribe(&hub, subscriber(old), &member_of(&[room(1)], 10));
    let newcomer = subscribe(&hub, subscriber(new), &member_of(&[], 10));
    let stranger = subscribe(&hub, subscriber(user(3)), &member_of(&[room(2)], 10));
    hub.publish(EPOCH, &[message(11, room(1)), joined(12, room(1), &[new])]);
    hub.publish(EPOCH, &[message(13, room(1)), message(14, room(2)), left(15, room(1), &[new]), message(16, room(1))]);
    assert_eq!(taken(&old), [11, 12, 13, 15, 16]);
    assert_eq!(taken(&newcomer), [12, 13, 15]);
    assert_eq!(taken(&stranger), [14]);
}

#[test]
fn the_end_of_a_conversation_is_the_last_that_its_members_get_of_it() {
    let hub = Hub::new(cursor(10), 20);
    let queues = [1, 2].map(|number| subscribe(&hub, subscriber(user(number)), &member_of(&[room(1), room(2)], 10)));
    let end = change(11, room(1), EventKind::ConversationDeleted, &[]);
    hub.publish(EPOCH, &[end, message(12, room(1)), message(13, room(2))]);
    assert_eq!(queues.map(|queue| taken(&queue)), [[11, 13], [11, 13]]);
}

#[test]
fn the_first_members_of_a_conversation_get_its_beginning() {
    let hub = Hub::new(cursor(10), 20);
    let queues = [1, 2, 3].map(|number| subscribe(&hub, subscriber(user(number)), &member_of(&[], 10)));
    let beginning = change(11, room(1), EventKind::ConversationCreated, &[user(1), user(2)]);
    hub.publish(EPOCH, &[beginning, message(12, room(1))]);
    assert_eq!(queues.map(|queue| taken(&queue)), [vec![11, 12], vec![11, 12], vec![]]);
}

#[test]
fn who_is_not_attached_yet_gets_nothing() {
    let hub = Hub::new(cursor(10), 20);
    let late = subscriber(user(1));
    let queue = hub.enlist(late.clone());
    hub.publish(EPOCH, &[joined(11, room(1), &[user(1)]), message(12, room(1))]);
    assert_eq!(hub.attach(late.id, &member_of(&[], 10)), Some(cursor(12)));
    hub.publish(EPOCH, &[message(13, room(1))]);
    assert_eq!(taken(&queue), [13]);
}

#[test]
fn a_narrowed_subscription_gets_its_conversation_alone() {
    let hub = Hub::new(cursor(10), 20);
    let standings = member_of(&[room(1), room(2)], 10);
    let narrow = subscribe(&hub, Subscriber { only: Some(room(2)), ..subscriber(user(1)) }, &standings);
    let wide = subscribe(&hub, subscriber(user(1)), &standings);
    hub.publish(EPOCH, &[message(11, room(1)), message(12, room(2)), joined(13, room(3), &[user(1)])]);
    assert_eq!(taken(&narrow), [12]);
    assert_eq!(taken(&wide), [11, 12, 13]);
}

#[test]
fn standings_read_ahead_of_the_hub_and_behind_it_give_the_same_membership() {
    // As the log has it in the end; the hub is at 14.
    let intervals = [(1, 1, Some(12)), (2, 13, None), (3, 15, None), (4, 1, Some(16))];
    let me = user(1);
    for head in 10..=16 {
        let hub = Hub::new(cursor(10), 20);
        hub.publish(EPOCH, &[message(11, room(1)), left(12, room(1), &[me]), joined(13, room(2), &[me])]);
        hub.publish(EPOCH, &[message(14, room(2))]);
        let known =
            intervals.iter().filter(|(_, joined_at, _)| *joined_at <= head).map(|(number, joined_at, left_at)| {
                let left_at = left_at.filter(|left_at| *left_at <= head).map(Position);
                Standing { conversation: room(*number), joined_at: Position(*joined_at), left_at }
            });
        let standings = Standings { head: cursor(head), memberships: known.collect() };
        let queue = subscribe(&hub, subscriber(me), &standings);
        hub.publish(EPOCH, &[joined(15, room(3), &[me]), left(16, room(4), &[me])]);
        hub.publish(EPOCH, &[1, 2, 3, 4].map(|number| message(16 + number, room(number as u128))));
        assert_eq!(taken(&queue), [15, 16, 18, 19], "read at {head}");
    }
}

#[test]
fn standings_of_another_epoch_or_from_before_the_hub_began_are_read_again() {
    let hub = Hub::new(cursor(10), 20);
    let client = subscriber(user(1));
    let queue = hub.enlist(client.clone());
    let foreign = Standings { head: Cursor { epoch: Epoch(2), ..cursor(10) }, ..member_of(&[room(1)], 10) };
    assert_eq!(hub.attach(client.id, &foreign), None);
    assert_eq!(hub.attach(client.id, &member_of(&[room(1)], 9)), None);
    hub.publish(EPOCH, &[message(11, room(1))]);
    assert_eq!(taken(&queue), NOTHING);
    assert_eq!(hub.attach(client.id, &member_of(&[room(1)], 11)), Some(cursor(11)));
}

#[test]
fn one_stream_too_many_replaces_the_oldest_and_polls_do_not_count() {
    let hub = Hub::new(cursor(10), 20);
    let open = |transport| hub.enlist(Subscriber { transport, ..subscriber(user(1)) });
    let polls: Vec<_> = (0..30).map(|_| open(Transport::Poll)).collect();
    let streams: Vec<_> = (0..20).map(|_| open(Transport::Stream)).collect();
    let ends = |queues: &[Arc<Queue>]| queues.iter().map(|queue| queue.closed()).collect::<Vec<_>>();
    assert_eq!(ends(&streams), [None; 20]);
    open(Transport::Poll);
    hub.enlist(subscriber(user(2)));
    assert_eq!(ends(&streams), [None; 20]);
    open(Transport::Stream);
    open(Transport::Stream);
    assert_eq!(ends(&streams[..3]), [Some(Close::Replaced), Some(Close::Replaced), None]);
    assert_eq!(ends(&streams[3..]), [None; 17]);
    assert_eq!(ends(&polls), [None; 30]);
}

#[test]
fn who_reads_too_slowly_is_closed_keeps_nothing_and_holds_up_nobody() {
    let hub = Hub::new(cursor(0), 20);
    let [slow, swift] = [1, 2].map(|number| subscribe(&hub, subscriber(user(number)), &member_of(&[room(1)], 0)));
    let mut seen = Vec::new();
    // More than 256 KiB.
    for position in 1..=600 {
        hub.publish(EPOCH, &[message(position, room(1))]);
        seen.append(&mut taken(&swift));
    }
    let rest = slow.take();
    assert_eq!((rest.events.len(), rest.closed), (0, Some(Close::Slow)));
    assert_eq!(seen, (1..=600).collect::<Vec<_>>());
}

#[test]
fn revocation_drops_what_waits_and_draining_keeps_it() {
    let hub = Hub::new(cursor(10), 20);
    let [revoked, drained] = [1, 2].map(|number| subscribe(&hub, subscriber(user(number)), &member_of(&[room(1)], 10)));
    hub.publish(EPOCH, &[message(11, room(1))]);
    hub.close_where(Close::Revoked, |subscriber| subscriber.user == user(1));
    hub.close_where(Close::Draining, |_| true);
    hub.publish(EPOCH, &[message(12, room(1))]);
    assert_eq!((revoked.closed(), taken(&revoked)), (Some(Close::Revoked), vec![]));
    assert_eq!((drained.closed(), taken(&drained)), (Some(Close::Draining), vec![11]));
}

#[test]
fn a_client_that_is_sent_away_has_everything_up_to_where_the_hub_was() {
    let hub = Hub::new(cursor(10), 1);
    let open = || subscribe(&hub, subscriber(user(1)), &member_of(&[room(1)], hub.published().position.0));
    let replaced = open();
    hub.publish(EPOCH, &[message(11, room(1)), message(12, room(2))]);
    let drained = open();
    hub.publish(EPOCH, &[message(13, room(2))]);
    hub.close_where(Close::Draining, |_| true);
    hub.publish(EPOCH, &[message(14, room(1))]);
    assert_eq!([replaced.take().upto, drained.take().upto], [Some(cursor(12)), Some(cursor(13))]);
}

#[test]
fn a_rebase_closes_all_and_forgets_who_was_a_member() {
    let hub = Hub::new(cursor(10), 20);
    let attached = subscribe(&hub, subscriber(user(1)), &member_of(&[room(1)], 10));
    let waiting = hub.enlist(subscriber(user(2)));
    hub.publish(EPOCH, &[message(11, room(1)), joined(12, room(1), &[user(3)])]);
    let head = Cursor { epoch: Epoch(2), position: Position(5) };
    hub.rebase(head);
    assert_eq!(hub.published(), head);
    assert_eq!([attached.closed(), waiting.closed()], [Some(Close::Rebased); 2]);
    assert_eq!(taken(&attached), NOTHING);
    // Nothing that passed before it counts, also when the hub comes to the same positions again.
    let anew = subscriber(user(3));
    let queue = hub.enlist(anew.clone());
    assert_eq!(hub.attach(anew.id, &member_of(&[room(1)], 10)), None);
    let positions: Vec<_> = (6..=12).map(|position| message(position, room(1))).collect();
    hub.publish(Epoch(2), &positions);
    let at = Cursor { epoch: Epoch(2), position: Position(12) };
    assert_eq!(hub.attach(anew.id, &Standings { head, memberships: Vec::new() }), Some(at));
    hub.publish(Epoch(2), &[message(13, room(1))]);
    assert_eq!(taken(&queue), NOTHING);
}

#[test]
fn the_last_connection_of_a_user_takes_what_the_hub_knew_of_them_with_it() {
    let hub = Hub::new(cursor(10), 20);
    let [first, second, other] = [1, 1, 2].map(|number| subscriber(user(number)));
    let queues = [&first, &second].map(|client| subscribe(&hub, client.clone(), &member_of(&[room(1), room(2)], 10)));
    subscribe(&hub, other.clone(), &member_of(&[room(1)], 10));
    hub.unregister(first.id);
    hub.publish(EPOCH, &[message(11, room(2))]);
    assert_eq!(queues.map(|queue| taken(&queue)), [vec![], vec![11]]);
    hub.unregister(second.id);
    let known = |hub: &Hub| {
        let state = hub.lock();
        (state.subscribers.len(), state.users.len(), state.rooms.len())
    };
    assert_eq!(known(&hub), (1, 1, 1));
    hub.unregister(other.id);
    assert_eq!(known(&hub), (0, 0, 0));
}

#[test]
fn a_rebase_leaves_nothing_behind_once_the_closed_clients_are_gone() {
    let hub = Hub::new(cursor(10), 20);
    let clients = [1, 1, 2].map(|number| subscriber(user(number)));
    for client in &clients {
        subscribe(&hub, client.clone(), &member_of(&[room(1)], 10));
    }
    hub.rebase(cursor(20));
    // It had read its standings before it heard of the rebase.
    hub.attach(clients[0].id, &member_of(&[room(1)], 20));
    clients.iter().for_each(|client| hub.unregister(client.id));
    let state = hub.lock();
    assert_eq!((state.subscribers.len(), state.users.len(), state.rooms.len()), (0, 0, 0));
}

#[test]
fn a_sweep_ends_what_has_expired_and_what_is_old() {
    let hub = Hub::new(cursor(10), 20);
    let now = Instant::now();
    let at = |seconds| now + Duration::from_secs(seconds);
    let expiring = hub.enlist(Subscriber { expires_at: at(5), rotates_at: Some(at(5)), ..subscriber(user(1)) });
    let rotating = hub.enlist(Subscriber { rotates_at: Some(at(5)), ..subscriber(user(1)) });
    hub.sweep(at(4));
    assert_eq!([expiring.closed(), rotating.closed()], [None, None]);
    hub.sweep(at(5));
    assert_eq!([expiring.closed(), rotating.closed()], [Some(Close::Expired), Some(Close::Rotate)]);
}

#[tokio::test]
async fn who_waits_for_a_cursor_is_woken_once_the_log_is_published_that_far_under_its_epoch() {
    let hub = Hub::new(cursor(10), 20);
    assert!(hub.reached(cursor(10)).now_or_never().is_some());
    let later = Cursor { epoch: Epoch(2), position: Position(6) };
    let (mut near, mut far) = (Box::pin(hub.reached(cursor(12))), Box::pin(hub.reached(later)));
    hub.publish(EPOCH, &[message(11, room(1))]);
    assert!((&mut near).now_or_never().is_none());
    hub.publish(EPOCH, &[message(12, room(1))]);
    assert!((&mut near).now_or_never().is_some());
    assert!((&mut far).now_or_never().is_none(), "that was another epoch");
    hub.rebase(Cursor { epoch: Epoch(2), position: Position(5) });
    assert!((&mut far).now_or_never().is_none());
    hub.publish(Epoch(2), &[message(6, room(1))]);
    assert!((&mut far).now_or_never().is_some());
}
