//! The tailer when the log has another history, or a gap.

use super::*;

#[tokio::test(start_paused = true)]
async fn committed_batch_of_another_epoch_leads_to_a_read() {
    let mut node = Node::start().await;
    node.begin_epoch(2, 11);
    node.store(2, [11]);
    node.hand_over(2, [11]);
    assert_eq!(node.told().await, Told::Rebased(cursor(2, 10)));
    assert_eq!(node.told().await, Told::Published(2, vec![11]));
    assert_eq!(node.reads(), [10]);
}

#[tokio::test(start_paused = true)]
async fn request_for_a_cursor_or_an_epoch_leads_to_a_read_at_once() {
    let mut node = Node::start().await;
    let started = Instant::now();
    node.store(1, 11..=12);
    within_a_minute(node.hub.request_until(cursor(1, 12))).await;
    node.begin_epoch(2, 12);
    within_a_minute(node.hub.request_until(cursor(2, 11))).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(node.reads(), [10, 12, 11]);
}

#[tokio::test(start_paused = true)]
async fn epoch_that_begins_above_the_tail_goes_on_from_there() {
    let mut node = Node::start().await;
    node.store(1, 11..=12);
    node.begin_epoch(2, 13);
    node.store(2, 13..=14);
    assert_eq!(node.told().await, Told::Rebased(cursor(2, 10)));
    assert_eq!(node.told().await, Told::Published(2, vec![11, 12, 13, 14]));
    // All of it came with the read that told of the epoch.
    assert_eq!(node.reads(), [10]);
}

#[tokio::test(start_paused = true)]
async fn epoch_that_begins_below_the_tail_rebases_to_before_its_first_position() {
    let mut node = Node::start().await;
    node.store(1, 1..=10);
    node.begin_epoch(2, 8);
    node.store(2, 8..=11);
    assert_eq!(node.told().await, Told::Rebased(cursor(2, 7)));
    assert_eq!(node.told().await, Told::Published(2, vec![8, 9, 10, 11]));
    assert_eq!(node.reads(), [10, 7]);
}

#[tokio::test(start_paused = true)]
async fn epoch_without_events_moves_the_tail_back() {
    let mut node = Node::start().await;
    node.begin_epoch(2, 8);
    assert_eq!(node.told().await, Told::Rebased(cursor(2, 7)));
    node.store(2, [8]);
    assert_eq!(node.told().await, Told::Published(2, vec![8]));
    assert_eq!(node.hub.published(), cursor(2, 8));
}

#[tokio::test(start_paused = true)]
async fn gap_rebases_to_behind_it() {
    for found in [vec![12, 13], vec![11, 13]] {
        let mut node = Node::start().await;
        node.store(1, found.clone());
        assert_eq!(node.told().await, Told::Rebased(cursor(1, 13)), "{found:?}");
        // From there it goes on as ever.
        node.store(1, [14]);
        assert_eq!(node.told().await, Told::Published(1, vec![14]));
    }
}
