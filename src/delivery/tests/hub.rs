use super::*;
use crate::delivery::core::catch_up::page::{KnownMemberships, UserMemberships};
use crate::delivery::core::subscriptions::receiver::{Receiver, Subscriber};
use crate::delivery::core::subscriptions::sink::Sink;
use crate::delivery::samples::{EPOCH, cursor, cursor_of, message, room, user};
use crate::ids::{ConnectionId, Epoch, Position};
use crate::shutdown::Shutdown;
use crate::wire::Framing;
use futures_util::FutureExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A hub at 10 with nobody behind its door, and how often its bell wakes.
fn hub() -> (Hub, HubInbox, Arc<AtomicUsize>) {
    let wakes = Arc::new(AtomicUsize::new(0));
    let count = wakes.clone();
    let wake = move || {
        count.fetch_add(1, Ordering::SeqCst);
    };
    let (hub, inbox) = Hub::detached(cursor(10), LoopWaker::new(wake));
    (hub, inbox, wakes)
}

fn set_head(inbox: &HubInbox, head: Cursor) {
    inbox.range.send_replace(PublishedRange { head, floor: Position(10) });
}

#[tokio::test]
async fn who_waits_for_a_cursor_is_woken_once_the_log_is_published_that_far_under_its_epoch() {
    let (hub, inbox, ..) = hub();
    assert!(hub.request_until(cursor(10)).now_or_never().is_some());
    let later = cursor_of(Epoch(2), 6);
    let (mut near, mut far) = (Box::pin(hub.request_until(cursor(12))), Box::pin(hub.request_until(later)));
    set_head(&inbox, cursor(11));
    assert!((&mut near).now_or_never().is_none());
    set_head(&inbox, cursor(12));
    assert!((&mut near).now_or_never().is_some());
    assert!((&mut far).now_or_never().is_none(), "that was another epoch");
    set_head(&inbox, cursor_of(Epoch(2), 5));
    assert!((&mut far).now_or_never().is_none());
    set_head(&inbox, later);
    assert!((&mut far).now_or_never().is_some());
}

#[tokio::test]
async fn who_publishes_waits_until_it_was_done() {
    let (hub, inbox, ..) = hub();
    let mut publishes = Box::pin(hub.publish(EPOCH, vec![message(11, room(1)), message(12, room(1))]));
    assert!((&mut publishes).now_or_never().is_none());
    set_head(&inbox, cursor(11));
    assert!((&mut publishes).now_or_never().is_none());
    set_head(&inbox, cursor(12));
    assert!((&mut publishes).now_or_never().is_some());
    let mut rebases = Box::pin(hub.rebase(cursor_of(Epoch(2), 5)));
    assert!((&mut rebases).now_or_never().is_none());
    set_head(&inbox, cursor_of(Epoch(2), 5));
    assert!((&mut rebases).now_or_never().is_some());
}

#[test]
fn the_bell_rings_once_for_a_thread_that_sleeps_and_never_for_one_that_is_awake() {
    let (hub, inbox, wakes) = hub();
    let tell = || {
        hub.close_revoked();
        hub.close_revoked();
        wakes.load(Ordering::SeqCst)
    };
    assert_eq!(tell(), 0);
    inbox.waker.fall_asleep();
    assert_eq!(tell(), 1);
    inbox.waker.fall_asleep();
    inbox.waker.stay_awake();
    assert_eq!(tell(), 1);
}

#[test]
fn a_cursor_lies_in_memory_from_the_floor_up_to_the_head() {
    let range = PublishedRange { head: cursor(20), floor: Position(10) };
    let held = [9, 10, 20, 21].map(|position| range.holds(cursor(position)));
    assert_eq!(held, [false, true, true, false]);
    assert!(!range.holds(cursor_of(Epoch(2), 15)));
}

#[tokio::test]
async fn the_thread_gives_all_events_in_order_and_lets_go_of_all_when_it_stops() {
    const LAST: i64 = 20_000;
    let (hub, mut asks, _news) = Hub::start(cursor(0), 20, Box::new(|_, _| false)).unwrap();
    let (sender, mut body) = mpsc::channel(10_000);
    let until = (Instant::now() + Duration::from_secs(3_600), CloseReason::Expired);
    let subscriber = Subscriber { id: ConnectionId::new(), user: user(1), session: None, only: None, until };
    hub.admit(NewSubscription {
        subscriber,
        receiver: Receiver::Stream { framing: Framing::Ndjson, sink: Sink::Body(sender) },
        from: cursor(0),
        epoch: EPOCH,
        opening: None,
        held: Shutdown::default().guard(),
    });
    let Some(CatchUpQuery::Memberships(_)) = asks.recv().await else { panic!("it should ask for memberships") };
    let events: Vec<_> = (1..=LAST).map(|position| message(position, room(1))).collect();
    let publisher = hub.clone();
    let publishing = tokio::spawn(async move {
        for (index, batch) in events.chunks(50).enumerate() {
            publisher.publish(EPOCH, batch.to_vec()).await;
            assert_eq!(publisher.published(), cursor((index as i64 + 1) * 50));
            if index == 7 {
                let known = KnownMemberships { open: vec![room(1)], ended: Vec::new() };
                let users = vec![(user(1), known)];
                publisher.send(Command::Memberships(UserMemberships { head: cursor(0), users }));
            }
        }
    });
    let mut seen = 0;
    while seen < LAST {
        let bytes = body.recv().await.unwrap();
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            seen += 1;
            let event: serde_json::Value = serde_json::from_slice(line).unwrap();
            assert_eq!(event["cursor"], cursor(seen).to_string());
        }
    }
    publishing.await.unwrap();
    hub.stop();
    assert!(body.recv().await.is_none());
}
