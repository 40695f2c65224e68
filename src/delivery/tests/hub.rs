use super::*;
use crate::delivery::control::ControlRequests;
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
async fn wait_for_a_cursor_ends_once_the_log_is_published_that_far_under_its_epoch() {
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
async fn publisher_waits_until_the_loop_has_published() {
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
fn waker_wakes_a_sleeping_loop_once_and_never_one_that_is_awake() {
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
fn cursor_lies_in_memory_from_the_floor_up_to_the_head() {
    let range = PublishedRange { head: cursor(20), floor: Position(10) };
    let held = [9, 10, 20, 21].map(|position| range.holds(cursor(position)));
    assert_eq!(held, [false, true, true, false]);
    assert!(!range.holds(cursor_of(Epoch(2), 15)));
}

#[tokio::test]
async fn event_loop_delivers_all_events_in_order_and_closes_all_when_it_stops() {
    const LAST: i64 = 20_000;
    let (hub, mut asks, _news) = Hub::start(cursor(0), 20, Box::new(|_, _| false)).unwrap();
    let (sender, mut body) = mpsc::channel(10_000);
    let until = (Instant::now() + Duration::from_secs(3_600), CloseReason::Expired);
    let subscriber = Subscriber { id: ConnectionId::new(), user: user(1), session: None, only: None, until };
    hub.reserve().expect("there is a place").admit(NewSubscription {
        subscriber,
        receiver: Receiver::Stream { framing: Framing::Ndjson, sink: Sink::Body(sender) },
        from: cursor(0),
        epoch: EPOCH,
        opening: None,
        held: Shutdown::default().guard(),
    });
    assert_eq!(asks.memberships.recv().await, Some(user(1)));
    let events: Vec<_> = (1..=LAST).map(|position| message(position, room(1))).collect();
    let publisher = hub.clone();
    let publishing = tokio::spawn(async move {
        for (index, batch) in events.chunks(50).enumerate() {
            publisher.publish(EPOCH, batch.to_vec()).await;
            assert_eq!(publisher.published(), cursor((index as i64 + 1) * 50));
            if index == 7 {
                let known = KnownMemberships { open: vec![room(1)], ended: Vec::new() };
                let users = vec![(user(1), known)];
                publisher.send(Command::Memberships(UserMemberships { head: cursor(0), users })).await;
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

#[tokio::test]
async fn publisher_goes_on_once_the_head_is_at_or_beyond_what_it_has_published() {
    let (hub, inbox, _) = hub();
    let mut publishes = Box::pin(hub.publish(EPOCH, vec![message(11, room(1))]));
    assert!((&mut publishes).now_or_never().is_none());
    set_head(&inbox, cursor(13));
    assert!((&mut publishes).now_or_never().is_some());
}

#[tokio::test]
async fn publisher_waits_for_a_place_in_a_full_queue_and_loses_nothing() {
    let (hub, mut inbox, _) = hub();
    let mut typing = 0;
    while hub.try_send(Command::ReportAllStreams) {
        typing += 1;
    }
    assert_eq!(typing, MAX_QUEUED_COMMANDS);
    let mut publishes = Box::pin(hub.publish(EPOCH, vec![message(11, room(1))]));
    assert!((&mut publishes).now_or_never().is_none());
    assert_eq!(inbox.commands.len(), MAX_QUEUED_COMMANDS);
    inbox.commands.recv().await;
    assert!((&mut publishes).now_or_never().is_none(), "it was not published yet");
    let mut last = None;
    while let Ok(command) = inbox.commands.try_recv() {
        last = Some(command);
    }
    assert!(matches!(last, Some(Command::Publish(..))));
}

#[tokio::test]
async fn client_is_refused_a_place_while_too_many_wait_for_one() {
    let (hub, _inbox, _) = hub();
    let mut permits: Vec<_> = std::iter::from_fn(|| hub.reserve()).collect();
    assert_eq!(permits.len(), MAX_QUEUED_ADMISSIONS);
    permits.pop();
    assert!(hub.reserve().is_some());
}

#[tokio::test]
async fn request_to_close_needs_no_place_in_a_queue_and_draining_stays_draining() {
    let (hub, inbox, _) = hub();
    while hub.try_send(Command::ReportAllStreams) {}
    hub.close_all(CloseReason::Unavailable);
    hub.close_all(CloseReason::Draining);
    hub.close_all(CloseReason::Unavailable);
    hub.close_revoked();
    let taken = inbox.control.take();
    assert_eq!((taken.close_all, taken.close_revoked, taken.stop), (Some(CloseReason::Draining), true, false));
    assert_eq!(inbox.control.take(), ControlRequests::default());
}
