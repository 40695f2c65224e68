//! The way out for queries to PostgreSQL.

use super::held_back::HeldBackQueries;
use super::query::{CatchUpQuery, PageQuery};
use crate::delivery::core::recent::recent_log::RecentLog;
use crate::delivery::core::recent::topics::Topics;
use crate::delivery::core::slots::SubscriptionKey;
use crate::delivery::core::subscriptions::subscription::{Phase, QueryKind, Subscription};
use std::time::Instant;

/// Sends a query, or gives it back if it cannot be sent now. It must not block.
pub type SendQuery = Box<dyn Fn(CatchUpQuery) -> Result<(), CatchUpQuery> + Send>;

/// Sends the queries of subscriptions; each has at most one under way.
///
/// A query that cannot be sent now is held back as the key of its subscription, whose phase says what it is. So what is
/// held back is bounded by the number of subscriptions.
pub struct Queries {
    send: SendQuery,
    held_back: HeldBackQueries,
}

impl Queries {
    /// Queries leave by `send`.
    pub fn new(send: SendQuery) -> Self {
        Self { send, held_back: HeldBackQueries::default() }
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
        self.held_back.remove(key);
        if topics.begin_query(subscription.user)
            && self.send(key, QueryKind::Memberships, CatchUpQuery::Memberships(subscription.subscriber.user)).is_err()
        {
            topics.end_query(subscription.user);
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
        let page = CatchUpQuery::Page(PageQuery::of(key, subscription, recent));
        if let Err(CatchUpQuery::Page(page)) = self.send(key, QueryKind::Page, page) {
            subscription.read_ahead = page.read_ahead;
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
        // If it is held back, its turn comes.
        let _ = self.send(key, QueryKind::Judgement, CatchUpQuery::Judgement(key, id, covered));
    }

    /// Takes one of the subscriptions whose query of this kind was held back.
    pub fn take_held_back(&mut self, kind: QueryKind) -> Option<SubscriptionKey> {
        self.held_back.take(kind)
    }

    /// Whether the query of a subscription that was taken is held back again. Then it is taken first the next time.
    pub fn is_held_back_again(&mut self, key: SubscriptionKey, kind: QueryKind) -> bool {
        self.held_back.keeps_turn(key, kind)
    }

    /// Forgets a subscription that has ended.
    pub fn forget(&mut self, key: SubscriptionKey) {
        self.held_back.remove(key);
    }

    /// Sends a query, or holds it back. It takes the place of whatever was held back for its subscription.
    fn send(&mut self, key: SubscriptionKey, kind: QueryKind, query: CatchUpQuery) -> Result<(), CatchUpQuery> {
        self.held_back.remove(key);
        (self.send)(query).inspect_err(|_| self.held_back.add(key, kind))
    }
}
