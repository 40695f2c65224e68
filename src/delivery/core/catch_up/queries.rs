//! The way out for queries to PostgreSQL.

use super::query::{CatchUpQuery, PageQuery};
use crate::delivery::core::recent::recent_log::RecentLog;
use crate::delivery::core::recent::topics::Topics;
use crate::delivery::core::slots::SubscriptionKey;
use crate::delivery::core::subscriptions::subscription::{Phase, QueryKind, Subscription};
use std::time::Instant;

/// Sends the queries of subscriptions; each has at most one under way.
pub struct Queries {
    send: Box<dyn Fn(CatchUpQuery) + Send>,
}

impl Queries {
    /// Queries leave by `send`, which must not block.
    pub fn new(send: impl Fn(CatchUpQuery) + Send + 'static) -> Self {
        Self { send: Box::new(send) }
    }

    /// Asks where the user of a subscription is a member, unless that is being asked already.
    pub fn ask_memberships(&self, subscription: &mut Subscription, topics: &mut Topics, since: Instant) {
        subscription.phase = Phase::Querying(QueryKind::Memberships, since);
        if topics.begin_query(subscription.user) {
            (self.send)(CatchUpQuery::Memberships(subscription.subscriber.user));
        }
    }

    /// Asks for the next page of what a subscription missed.
    pub fn ask_page(&self, key: SubscriptionKey, subscription: &mut Subscription, recent: &RecentLog, since: Instant) {
        subscription.phase = Phase::Querying(QueryKind::Page, since);
        (self.send)(CatchUpQuery::Page(PageQuery::of(key, subscription, recent)));
    }

    /// Asks whether a subscription's cursor is still good: the log has another history, or no longer all of what comes
    /// next. A subscription that is closing is left alone.
    pub fn ask_judgement(&self, key: SubscriptionKey, subscription: &mut Subscription, since: Instant) {
        if subscription.closing.is_some() {
            return;
        }
        subscription.phase = Phase::Querying(QueryKind::Judgement, since);
        subscription.read_ahead = None;
        (self.send)(CatchUpQuery::Judgement(key, subscription.subscriber.id, subscription.covered));
    }
}
