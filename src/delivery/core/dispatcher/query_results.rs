//! What the dispatcher makes of what PostgreSQL answers to its queries. Each answer has made room for a query that was held
//! back.

use super::Dispatcher;
use crate::delivery::core::catch_up::advance::advance;
use crate::delivery::core::catch_up::page::{CatchUpPage, StartPoint, UserMemberships};
use crate::delivery::core::slots::SubscriptionKey;
use crate::delivery::core::subscriptions::close_reason::CloseReason;
use crate::delivery::core::subscriptions::receiver::Receiver;
use crate::delivery::core::subscriptions::subscription::{Phase, QueryKind, Subscription};
use crate::delivery::core::subscriptions::table::SubscriptionTable;
use crate::ids::{ConnectionId, UserId};
use crate::wire::ResetCode;
use std::time::{Duration, Instant};

/// How long a stream waits for PostgreSQL to answer.
const MAX_QUERY_TIME: Duration = Duration::from_secs(15);

impl Dispatcher {
    /// Takes in where users are members.
    pub fn take_memberships(&mut self, memberships: UserMemberships, now: Instant) {
        self.apply_memberships(memberships, now);
        self.resend_queries(QueryKind::Memberships);
    }

    /// Takes in a page of what a subscription missed.
    pub fn take_page(&mut self, key: SubscriptionKey, id: ConnectionId, page: CatchUpPage, now: Instant) {
        self.apply_page(key, id, page, now);
        self.resend_queries(QueryKind::Page);
    }

    /// Takes in where a subscription goes on under the log's new history.
    pub fn take_judgement(
        &mut self,
        key: SubscriptionKey,
        id: ConnectionId,
        start: StartPoint,
        reset: Option<ResetCode>,
        now: Instant,
    ) {
        self.apply_judgement(key, id, start, reset, now);
        self.resend_queries(QueryKind::Judgement);
    }

    /// Takes in that retention has removed some of what a subscription missed: its cursor is judged again.
    pub fn judge_again(&mut self, key: SubscriptionKey, id: ConnectionId, now: Instant) {
        if let Some(subscription) = querying(&mut self.table, key, id, QueryKind::Page) {
            self.queries.ask_judgement(key, subscription, now);
        }
        self.resend_queries(QueryKind::Page);
    }

    /// Takes in that PostgreSQL did not answer a query for a subscription.
    pub fn fail_query(&mut self, key: SubscriptionKey, id: ConnectionId, kind: QueryKind, now: Instant) {
        self.retry_query(key, id, kind, now);
        self.resend_queries(kind);
    }

    /// Takes in that PostgreSQL did not answer where users are members.
    pub fn fail_memberships(&mut self, users: &[UserId], now: Instant) {
        for user in users {
            let topics = self.recent.topics_mut();
            let Some(user) = topics.find_user(*user) else { continue };
            topics.end_query(user);
            for key in topics.user(user).subscriptions.clone() {
                if let Some(id) = self.table.get(key).map(|subscription| subscription.subscriber.id) {
                    self.retry_query(key, id, QueryKind::Memberships, now);
                }
            }
        }
        self.resend_queries(QueryKind::Memberships);
    }

    fn apply_memberships(&mut self, memberships: UserMemberships, now: Instant) {
        let (known, head) = (memberships.head, self.recent.head());
        if known.epoch == head.epoch && known.position > head.position {
            self.ahead.push(memberships);
            return;
        }
        // What happened since must be in the ring, or it cannot be replayed; then they are asked for again.
        let usable = known.epoch == head.epoch && known.position >= self.recent.ring().floor();
        let topics = self.recent.topics_mut();
        for (user, known) in &memberships.users {
            match topics.find_user(*user) {
                Some(user) if usable => topics.set_memberships(user, &known.open, &known.ended),
                Some(user) => topics.end_query(user),
                None => {}
            }
        }
        if usable {
            self.recent.replay_memberships(known.position);
        }
        self.advance_users(memberships.users.iter().map(|(user, _)| *user), now);
    }

    fn apply_page(&mut self, key: SubscriptionKey, id: ConnectionId, page: CatchUpPage, now: Instant) {
        let head = self.recent.head();
        let Some(subscription) = querying(&mut self.table, key, id, QueryKind::Page) else { return };
        // It may answer a query from before the log's history changed.
        if page.asked.0 != subscription.covered || page.asked.1.epoch != head.epoch {
            return;
        }
        if self.recent.deletions().may_concern(page.texts.iter().copied(), page.deletions) {
            return self.queries.ask_page(key, subscription, &self.recent, now);
        }
        subscription.phase = Phase::Behind;
        subscription.cover(page.reached);
        subscription.read_ahead = page.read_ahead;
        if !page.events.is_empty() {
            return self.finish_poll(key, page.events, page.more, None, now);
        }
        // The next page is read while this one is written, unless the client has not even taken the last one.
        let reads_on = page.more && subscription.out.is_empty();
        subscription.out.extend(page.bytes);
        if reads_on {
            self.queries.ask_page(key, subscription, &self.recent, now);
        }
        self.table.queue(key);
    }

    fn apply_judgement(
        &mut self,
        key: SubscriptionKey,
        id: ConnectionId,
        start: StartPoint,
        reset: Option<ResetCode>,
        now: Instant,
    ) {
        let epoch = self.recent.head().epoch;
        let Some(subscription) = querying(&mut self.table, key, id, QueryKind::Judgement) else { return };
        if start.epoch != epoch {
            return self.queries.ask_judgement(key, subscription, subscription.queried_since(now));
        }
        let from = start.from;
        if reset.is_none() && from != subscription.covered {
            return;
        }
        subscription.phase = Phase::Behind;
        (subscription.covered, subscription.from) = (from, from.position);
        if let Some(code) = reset {
            if let Receiver::Stream { framing, sink } = &subscription.receiver {
                let bytes = sink.bytes(&framing.reset(code, from));
                subscription.out.push_back(bytes);
            } else {
                subscription.close(CloseReason::UnusableCursor(code), from, now);
            }
        }
        self.table.queue(key);
    }

    /// Asks again what PostgreSQL did not answer, unless that has gone on for too long.
    fn retry_query(&mut self, key: SubscriptionKey, id: ConnectionId, kind: QueryKind, now: Instant) {
        let head = self.recent.head();
        let Some(subscription) = querying(&mut self.table, key, id, kind) else { return };
        let since = subscription.queried_since(now);
        if !subscription.is_stream() || now.saturating_duration_since(since) > MAX_QUERY_TIME {
            subscription.close(CloseReason::Unavailable, head, now);
            return self.table.queue(key);
        }
        match kind {
            QueryKind::Page => self.queries.ask_page(key, subscription, &self.recent, since),
            QueryKind::Judgement => self.queries.ask_judgement(key, subscription, since),
            QueryKind::Memberships => self.queries.ask_memberships(key, subscription, self.recent.topics_mut(), since),
        }
    }

    /// Lets the subscriptions of users get on that waited for memberships. They may have to be asked for again.
    fn advance_users(&mut self, users: impl Iterator<Item = UserId>, now: Instant) {
        for user in users {
            let topics = self.recent.topics();
            let Some(user) = topics.find_user(user) else { continue };
            for key in topics.user(user).subscriptions.clone() {
                let Some(subscription) = self.table.get_mut(key) else { continue };
                if matches!(subscription.phase, Phase::Querying(QueryKind::Memberships, _))
                    && subscription.closing.is_none()
                {
                    subscription.phase = Phase::Behind;
                    advance(key, subscription, &mut self.recent, &mut self.queries, now);
                    self.table.queue(key);
                }
            }
        }
    }
}

impl Subscription {
    /// Since when PostgreSQL is being asked for it.
    fn queried_since(&self, now: Instant) -> Instant {
        if let Phase::Querying(_, since) = self.phase { since } else { now }
    }
}

/// The subscription of this key and connection, if this query is under way for it.
fn querying(
    table: &mut SubscriptionTable,
    key: SubscriptionKey,
    id: ConnectionId,
    kind: QueryKind,
) -> Option<&mut Subscription> {
    let subscription = table.get_mut(key)?;
    let waits = matches!(subscription.phase, Phase::Querying(asked, _) if asked == kind);
    (subscription.subscriber.id == id && waits && subscription.closing.is_none()).then_some(subscription)
}
