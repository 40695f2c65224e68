//! The way out for queries to PostgreSQL.

use super::query::{CatchUpQuery, PageQuery};
use crate::delivery::core::recent::recent_log::RecentLog;
use crate::delivery::core::recent::topics::Topics;
use crate::delivery::core::slots::SubscriptionKey;
use crate::delivery::core::subscriptions::subscription::{Phase, QueryKind, Subscription};
use std::collections::BTreeSet;
use std::time::Instant;

/// Sends a query, or gives it back if it cannot be sent now. It must not block.
pub type SendQuery = Box<dyn Fn(CatchUpQuery) -> Result<(), CatchUpQuery> + Send>;

/// Sends the queries of subscriptions; each has at most one under way.
///
/// A query that cannot be sent now is held back as the key of its subscription, whose phase says what it is. So what is
/// held back is bounded by the number of subscriptions.
pub struct Queries {
    send: SendQuery,
    held_back: BTreeSet<SubscriptionKey>,
    /// Where the next turn among those begins, so that each has one.
    next: SubscriptionKey,
}

impl Queries {
    /// Queries leave by `send`.
    pub fn new(send: SendQuery) -> Self {
        Self { send, held_back: BTreeSet::new(), next: 0 }
    }

    /// Asks where the user of a subscription is a member, unless that is being asked already.
    pub fn ask_memberships(
        &mut self,
        key: SubscriptionKey,
        subscription: &mut Subscription,
        topics: &mut Topics,
        since: Instant,
    ) {
        subscription.phase = Phase::Querying(QueryKind::Memberships, since);
        if topics.begin_query(subscription.user)
            && (self.send)(CatchUpQuery::Memberships(subscription.subscriber.user)).is_err()
        {
            topics.end_query(subscription.user);
            self.held_back.insert(key);
        }
    }

    /// Asks for the next page of what a subscription missed.
    pub fn ask_page(
        &mut self,
        key: SubscriptionKey,
        subscription: &mut Subscription,
        recent: &RecentLog,
        since: Instant,
    ) {
        subscription.phase = Phase::Querying(QueryKind::Page, since);
        if let Err(query) = (self.send)(CatchUpQuery::Page(PageQuery::of(key, subscription, recent))) {
            if let CatchUpQuery::Page(page) = query {
                subscription.read_ahead = page.read_ahead;
            }
            self.held_back.insert(key);
        }
    }

    /// Asks whether a subscription's cursor is still good: the log has another history, or no longer all of what comes
    /// next. A subscription that is closing is left alone.
    pub fn ask_judgement(&mut self, key: SubscriptionKey, subscription: &mut Subscription, since: Instant) {
        if subscription.closing.is_some() {
            return;
        }
        subscription.phase = Phase::Querying(QueryKind::Judgement, since);
        subscription.read_ahead = None;
        let (id, covered) = (subscription.subscriber.id, subscription.covered);
        if (self.send)(CatchUpQuery::Judgement(key, id, covered)).is_err() {
            self.held_back.insert(key);
        }
    }

    /// Takes one of the subscriptions whose query was held back.
    pub fn take_held_back(&mut self) -> Option<SubscriptionKey> {
        let following = self.held_back.range(self.next..).next();
        let key = following.or_else(|| self.held_back.first()).copied()?;
        self.held_back.remove(&key);
        self.next = key.wrapping_add(1);
        Some(key)
    }

    /// Whether the query of a subscription is held back.
    pub fn is_held_back(&self, key: SubscriptionKey) -> bool {
        self.held_back.contains(&key)
    }

    /// Forgets a subscription that has ended.
    pub fn forget(&mut self, key: SubscriptionKey) {
        if !self.held_back.is_empty() {
            self.held_back.remove(&key);
        }
    }
}
