//! How much may wait for a client.

use super::*;

#[test]
fn slow_reader_is_closed_keeps_little_and_delays_nobody() {
    let mut stage = Stage::at(0);
    let subscriber = stage.subscriber(user(1));
    let mut slow = stage.live_of(subscriber, 1, &[1]);
    let mut swift = stage.live(user(2), &[1]);
    let mut seen = Vec::new();
    let (mut most, mut last) = (0, 0);
    let kept = |stage: &Stage| {
        let subscription = &stage.subscription(slow.key);
        let out: usize = subscription.out.iter().map(Bytes::len).sum();
        (out + subscription.pending_bytes, subscription.closing.map(|closing| closing.reason))
    };
    while kept(&stage).1.is_none() {
        last += 1;
        assert!(last < 1_000, "it is never closed");
        stage.now += Duration::from_millis(20);
        stage.publish(&[long_message(last, room(1), 1_000)]);
        stage.serve();
        most = most.max(kept(&stage).0);
        seen.extend(swift.events());
    }
    assert_eq!(kept(&stage).1, Some(CloseReason::Slow));
    assert!((MAX_PENDING_BYTES - 2_000..MAX_PENDING_BYTES + 66_000).contains(&most), "{most}");
    assert!(kept(&stage).0 < 66_000 && stage.subscription(slow.key).pending.capacity() == 0);
    stage.publish(&[message(last + 1, room(1))]);
    stage.serve();
    seen.extend(swift.events());
    assert_eq!(seen, (1..=last + 1).collect::<Vec<_>>());
    // What was in its buffer still comes, and its cursor is right behind.
    let told = stage.read_to_the_end(&mut slow);
    assert_eq!(told, [all([1, 2]), vec![end("slow", 2)]].concat());
}

#[test]
fn blocked_stream_may_have_128_kib_pending_and_no_more() {
    let mut stage = Stage::at(0);
    let subscriber = stage.subscriber(user(1));
    let mut stream = stage.live_of(subscriber, 1, &[1]);
    for position in [1, 2] {
        stage.publish(&[message(position, room(1))]);
        stage.serve();
    }
    let bytes = |letters| Encoded::new(long_message(3, room(1), letters)).wire_bytes();
    let letters = MAX_PENDING_BYTES + 100_000 - bytes(100_000);
    assert_eq!(bytes(letters), MAX_PENDING_BYTES);
    stage.publish(&[long_message(3, room(1), letters)]);
    stage.serve();
    assert_eq!(stage.read_to_the_end(&mut stream), all(1..=3));
    stage.publish(&[message(4, room(1))]);
    stage.serve();
    stage.publish(&[message(5, room(1))]);
    stage.serve();
    stage.now += Duration::from_secs(1);
    stage.publish(&[long_message(6, room(1), letters + 1)]);
    assert_eq!(stage.read_to_the_end(&mut stream), [Told::Event(4), Told::Event(5), end("slow", 5)]);
}

#[test]
fn fast_reader_gets_a_burst_of_any_size() {
    let mut stage = Stage::at(0);
    let mut stream = stage.live(user(1), &[1]);
    let burst: Vec<_> = (1..=600).map(|position| long_message(position, room(1), 1_000)).collect();
    stage.publish(&burst);
    stage.serve();
    assert_eq!(stream.events(), (1..=600).collect::<Vec<_>>());
}

#[test]
fn burst_that_is_too_much_for_a_full_connection_goes_through_as_it_is_read() {
    let mut stage = Stage::at(0);
    let subscriber = stage.subscriber(user(1));
    let mut stream = stage.live_of(subscriber, 1, &[1]);
    let burst: Vec<_> = (1..=600).map(|position| long_message(position, room(1), 1_000)).collect();
    stage.publish(&burst);
    let mut seen = Vec::new();
    for _ in 0..100 {
        stage.sleep(Duration::from_millis(100));
        seen.extend(stream.events());
    }
    assert_eq!(seen, (1..=600).collect::<Vec<_>>());
}

#[test]
fn events_that_a_client_has_read_do_not_count_as_pending() {
    for framing in [Framing::Sse, Framing::Ndjson] {
        let mut stage = Stage::at(0);
        let subscriber = stage.subscriber(user(1));
        let mut stream = stage.stream_of(subscriber, framing, 1, cursor(0));
        stage.learn(user(1), &[1]);
        for position in 1..=3_000 {
            stage.publish(&[message(position, room(1))]);
            stage.serve();
            assert!(stream.body.try_recv().is_ok());
        }
        let subscription = &stage.subscription(stream.key);
        assert_eq!(subscription.pending_bytes, 0, "nothing waits ({framing:?})");
        // The first goes into the body, the second is blocked, the third waits.
        for position in 3_001..=3_003 {
            stage.publish(&[message(position, room(1))]);
            stage.serve();
        }
        let closed = stage.subscription(stream.key).closing.map(|closing| closing.reason);
        assert_eq!(closed, None, "{framing:?}");
    }
}

#[test]
fn reader_that_is_slow_but_makes_progress_has_a_bounded_number_of_positions_waiting() {
    let mut stage = Stage::at(0);
    let subscriber = stage.subscriber(user(1));
    let mut stream = stage.live_of(subscriber, 1, &[1]);
    let (mut seen, mut last, mut most) = (Vec::new(), 0, 0);
    for _ in 0..100 {
        let burst: Vec<_> = (last + 1..=last + 400).map(|position| message(position, room(1))).collect();
        last += 400;
        stage.publish(&burst);
        most = most.max(stage.subscription(stream.key).pending.capacity());
        stage.sleep(Duration::from_millis(100));
        seen.extend(stream.take().map(positions).unwrap_or_default());
    }
    assert!(most * size_of::<Position>() <= 64 * 1024, "{most} positions");
    while seen.len() < last as usize {
        stage.sleep(Duration::from_millis(100));
        let events = stream.events();
        assert!(!events.is_empty(), "nothing comes after {:?}", seen.last());
        seen.extend(events);
    }
    assert_eq!(seen, (1..=last).collect::<Vec<_>>());
}

#[test]
fn reader_that_stops_while_too_many_events_wait_is_closed_with_its_cursor() {
    let mut stage = Stage::at(0);
    let subscriber = stage.subscriber(user(1));
    let mut stream = stage.live_of(subscriber, 1, &[1]);
    for burst in 0..10 {
        let burst: Vec<_> = (burst * 2_000 + 1..=burst * 2_000 + 2_000).map(|at| message(at, room(1))).collect();
        stage.publish(&burst);
        stage.serve();
    }
    stage.sleep(Duration::from_secs(1));
    let told = stage.read_to_the_end(&mut stream);
    let Some((Told::End(code, at), events)) = told.split_last() else { panic!("{told:?}") };
    assert_eq!((code.as_str(), at.position.0 as usize), ("slow", events.len()));
}
