//! The step by which a subscription that is behind gets on.

use super::queries::Queries;
use crate::delivery::core::recent::recent_log::RecentLog;
use crate::delivery::core::slots::SubscriptionKey;
use crate::delivery::core::subscriptions::subscription::{MAX_PENDING_BYTES, Phase, Subscription};
use crate::ids::Position;
use std::time::Instant;

/// Positions that are taken out of the ring at once for a client that is behind.
const MAX_CATCH_UP_EVENTS: usize = 4_096;

/// Finds what a subscription that is behind gets next: out of the ring, or by a query to PostgreSQL.
pub fn advance(
    key: SubscriptionKey,
    subscription: &mut Subscription,
    recent: &mut RecentLog,
    queries: &mut Queries,
    now: Instant,
) {
    let covered = subscription.covered.position;
    if covered < recent.ring().floor() {
        return queries.ask_page(key, subscription, recent, now);
    }
    subscription.read_ahead = None;
    match recent.missed(subscription.user, covered, subscription.subscriber.only) {
        Some(positions) => take_from_ring(subscription, recent, positions),
        None => queries.ask_memberships(key, subscription, recent.topics_mut(), now),
    }
}

/// Lets the events at `positions` wait for a subscription. It is live if that is all, and no more than may wait for any
/// client.
fn take_from_ring(subscription: &mut Subscription, recent: &RecentLog, mut positions: Vec<Position>) {
    let sizes = positions.iter().filter_map(|at| recent.ring().get(*at)).map(|entry| entry.event.wire_bytes());
    let bytes = sizes.take(MAX_CATCH_UP_EVENTS).sum();
    if positions.len() > MAX_CATCH_UP_EVENTS || bytes > MAX_PENDING_BYTES {
        positions.truncate(MAX_CATCH_UP_EVENTS);
        positions.shrink_to_fit();
    } else {
        subscription.phase = Phase::Live;
        if positions.is_empty() {
            subscription.cover(recent.head());
        }
    }
    subscription.pending = positions;
    subscription.pending_bytes = bytes;
}
