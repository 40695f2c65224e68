use super::*;

fn arrival(transport: Transport) -> OpenedConnection {
    OpenedConnection { id: ConnectionId::new(), user: UserId::new(), session: None, transport }
}

fn empty() -> ConnectionChanges {
    ConnectionChanges::default()
}

#[test]
fn connection_that_opens_and_closes_between_two_writes_is_not_written() {
    let (mut changes, now) = (ConnectionTracker::default(), Instant::now());
    let (stays, goes) = (arrival(Transport::Sse), arrival(Transport::Ndjson));
    for report in [ClientReport::Connected(stays), ClientReport::Connected(goes), ClientReport::Disconnected(goes)] {
        changes.take_in(report, now);
    }
    assert_eq!(changes.take(now), ConnectionChanges { came: vec![stays], ..empty() });
    changes.take_in(ClientReport::Disconnected(stays), now);
    assert_eq!(changes.take(now), ConnectionChanges { went: vec![stays.id], ..empty() });
    assert_eq!(changes.take(now), empty());
}

#[test]
fn polling_client_connects_once_and_disconnects_some_time_after_its_last_poll() {
    let (mut changes, mut now) = (ConnectionTracker::default(), Instant::now());
    let first = arrival(Transport::Poll);
    changes.take_in(ClientReport::Connected(first), now);
    assert_eq!(changes.take(now).came, [first]);
    for _ in 0..10 {
        now += POLLER_KEPT;
        assert_eq!(changes.take(now), empty(), "a poll that waits");
        changes.take_in(ClientReport::Disconnected(first), now);
        now += POLLER_KEPT / 2;
        assert_eq!(changes.take(now), empty(), "between two polls");
        changes.take_in(ClientReport::Connected(OpenedConnection { id: ConnectionId::new(), ..first }), now);
    }
    changes.take_in(ClientReport::Disconnected(first), now);
    assert_eq!(changes.take(now + POLLER_KEPT).went, [first.id]);
    changes.take_in(ClientReport::Connected(first), now + POLLER_KEPT);
    assert_eq!(changes.take(now + POLLER_KEPT).came, [first]);
}

#[test]
fn node_that_registers_again_writes_all_open_connections_as_known() {
    let (mut changes, now) = (ConnectionTracker::default(), Instant::now());
    let (stream, poll) = (arrival(Transport::Sse), arrival(Transport::Poll));
    changes.take_in(ClientReport::Connected(stream), now);
    changes.take_in(ClientReport::Connected(poll), now);
    changes.take(now);
    changes.take_in(ClientReport::Disconnected(arrival(Transport::Sse)), now);
    changes.take_in(ClientReport::AllStreams(vec![stream]), now);
    assert_eq!(changes.take(now), ConnectionChanges { came: vec![stream, poll], went: Vec::new(), known: true });
    changes.take_in(ClientReport::Disconnected(stream), now);
    assert_eq!(changes.take(now).went, [stream.id]);
}

#[test]
fn connection_changes_are_written_in_parts() {
    let (mut changes, now) = (ConnectionTracker::default(), Instant::now());
    for _ in 0..MAX_BATCH_ROWS + 5 {
        changes.take_in(ClientReport::Connected(arrival(Transport::Sse)), now);
        changes.take_in(ClientReport::Disconnected(arrival(Transport::Sse)), now);
    }
    let sizes =
        [changes.take(now), changes.take(now), changes.take(now)].map(|batch| (batch.came.len(), batch.went.len()));
    assert_eq!(sizes, [(MAX_BATCH_ROWS, MAX_BATCH_ROWS), (5, 5), (0, 0)]);
}
