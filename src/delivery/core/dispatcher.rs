//! Everybody who receives on this node, and what they get.
//!
//! The dispatcher puts the parts of this room together; each part keeps its own state. A subscription that lacks some of
//! the past reads pages from the log up to where the [`super::recent::ring::Ring`] begins, takes the rest from there,
//! and is live in the same step, so that nothing can be lost or repeated in between.

mod query_results;
mod serve;

use super::catch_up::page::UserMemberships;
use super::catch_up::queries::{Queries, SendQuery};
use super::ephemeral::{Ephemera, PresenceNotice, TypingNotice, deliver_typing};
use super::receipts::{AwaitedDelivery, Receipts};
use super::recent::recent_log::RecentLog;
use super::reports::{ClientReport, Reports, SendReport, connection};
use super::slots::SubscriptionKey;
use super::subscriptions::close_reason::CloseReason;
use super::subscriptions::receiver::{LongPoll, NewSubscription, Receiver};
use super::subscriptions::subscription::{Phase, QueryKind, Subscription};
use super::subscriptions::table::{SubscriptionCounts, SubscriptionTable};
use crate::ids::{Epoch, Position, SessionId, UserId};
use crate::log::{Cursor, Event};
use crate::shutdown::ShutdownGuard;
use crate::wire::Encoded;
use std::sync::Arc;
use std::time::Instant;

/// Whether a session or its user has ended.
pub type RevocationCheck = Box<dyn Fn(UserId, Option<SessionId>) -> bool + Send>;

/// A poll that is over.
pub struct FinishedPoll {
    pub poll: Box<LongPoll>,
    pub events: Vec<Arc<Encoded>>,
    pub covered: Cursor,
    pub more: bool,
    pub close: Option<CloseReason>,
    /// Keeps shutdown waiting until the answer is given.
    pub held: ShutdownGuard,
}

/// Everybody who receives on this node, and what they get.
pub struct Dispatcher {
    recent: RecentLog,
    table: SubscriptionTable,
    queries: Queries,
    /// Memberships that were read above the head; they are taken in once it gets there.
    ahead: Vec<UserMemberships>,
    finished_polls: Vec<FinishedPoll>,
    ephemera: Ephemera,
    receipts: Receipts,
    reports: Reports,
    is_revoked: RevocationCheck,
    streams_per_user: usize,
    draining: bool,
}

impl Dispatcher {
    /// Makes one without clients, at `head`. Queries to PostgreSQL leave by `ask`.
    pub fn new(head: Cursor, streams_per_user: usize, is_revoked: RevocationCheck, ask: SendQuery) -> Self {
        Self {
            recent: RecentLog::new(head),
            table: SubscriptionTable::default(),
            queries: Queries::new(ask),
            ahead: Vec::new(),
            finished_polls: Vec::new(),
            ephemera: Ephemera::default(),
            receipts: Receipts::default(),
            reports: Reports::default(),
            is_revoked,
            streams_per_user,
            draining: false,
        }
    }

    /// Reports on clients from now on.
    pub fn report_to(&mut self, send: SendReport) {
        self.reports = Reports::new(send);
    }

    /// How far the log was published here.
    pub fn head(&self) -> Cursor {
        self.recent.head()
    }

    /// The position above which all events are in memory.
    pub fn floor(&self) -> Position {
        self.recent.ring().floor()
    }

    /// How many clients receive.
    pub fn counts(&self) -> SubscriptionCounts {
        self.table.counts()
    }

    /// Whether nothing can be done for anybody.
    pub fn is_idle(&self) -> bool {
        self.table.is_idle() && self.finished_polls.is_empty()
    }

    /// Takes the polls that are over.
    pub fn take_finished_polls(&mut self) -> Vec<FinishedPoll> {
        std::mem::take(&mut self.finished_polls)
    }

    /// A subscription.
    pub fn subscription(&mut self, key: SubscriptionKey) -> Option<&mut Subscription> {
        self.table.get_mut(key)
    }

    /// Admits a client. One that was revoked meanwhile ends at once.
    pub fn admit(&mut self, new: NewSubscription, now: Instant) -> SubscriptionKey {
        let (subscriber, epoch, head) = (new.subscriber, new.epoch, self.recent.head());
        if matches!(new.receiver, Receiver::Stream { .. }) {
            self.replace_oldest_streams(subscriber.user, now);
        }
        self.reports.send(ClientReport::Connected(connection(&subscriber, &new.receiver)));
        let key = self.table.insert(new, self.recent.topics_mut(), now);
        if let Some(subscription) = self.table.get_mut(key) {
            if epoch != head.epoch {
                self.queries.ask_judgement(key, subscription, now);
            }
            if (self.is_revoked)(subscriber.user, subscriber.session) {
                subscription.close(CloseReason::Revoked, head, now);
            } else if self.draining {
                subscription.close(CloseReason::Draining, head, now);
            }
        }
        self.table.queue(key);
        key
    }

    /// Takes in the next events of the log. From now on they wait for whoever is live.
    pub fn publish(&mut self, epoch: Epoch, events: &[Arc<Event>], now: Instant) {
        for event in events {
            let table = &mut self.table;
            let event = Arc::new(Encoded::new(event.clone()));
            self.recent.append(event, |key, event, before| table.offer(key, event, before, now));
        }
        let head = events.last().map_or(self.recent.head(), |last| Cursor { epoch, position: last.position });
        self.recent.finish_batch(head);
        for memberships in std::mem::take(&mut self.ahead) {
            self.take_memberships(memberships, now);
        }
    }

    /// Goes on from `head`, where another history of the log begins: nothing that was known holds.
    pub fn rebase(&mut self, head: Cursor, now: Instant) {
        let before = self.recent.head();
        self.recent.rebase(head);
        self.ahead.clear();
        self.receipts = Receipts::default();
        for (key, subscription) in self.table.iter_mut() {
            if subscription.phase == Phase::Live && subscription.pending.is_empty() && subscription.closing.is_none() {
                subscription.cover(before);
            }
            subscription.drop_pending();
            self.queries.ask_judgement(key, subscription, now);
        }
        self.table.queue_all();
    }

    /// Ends every subscription and, if the node is draining, those that come later.
    pub fn close_all(&mut self, reason: CloseReason, now: Instant) {
        self.draining |= reason == CloseReason::Draining;
        let head = self.recent.head();
        self.table.iter_mut().for_each(|(_, subscription)| subscription.close(reason, head, now));
        self.table.queue_all();
    }

    /// Ends the subscriptions of sessions and users that have ended.
    pub fn close_revoked(&mut self, now: Instant) {
        let head = self.recent.head();
        let mut ended = Vec::new();
        for (key, subscription) in self.table.iter_mut() {
            if (self.is_revoked)(subscription.subscriber.user, subscription.subscriber.session) {
                subscription.close(CloseReason::Revoked, head, now);
                ended.push(key);
            }
        }
        ended.into_iter().for_each(|key| self.table.queue(key));
    }

    /// Does what is due by time: ends, heartbeats, and forgetting clients and users that are gone. Only those for whom
    /// something may be due are looked at.
    pub fn sweep(&mut self, now: Instant) {
        for key in self.table.take_due(now) {
            self.tend(key, now);
            self.table.schedule(key, now);
        }
        for kind in [QueryKind::Memberships, QueryKind::Page, QueryKind::Judgement] {
            self.resend_queries(kind);
        }
        self.resend_reports();
        self.recent.topics_mut().forget_absent_users(now);
        self.ephemera.deliver_presence(self.recent.topics(), &mut self.table);
        self.receipts.expire(now);
    }

    /// Sends queries of a kind that were held back, as far as that goes now. Each answer makes room in the queue, so this
    /// is done whenever one is taken in: were it done by the sweep alone, the length of the queue would bound how many
    /// queries are answered in a second.
    fn resend_queries(&mut self, kind: QueryKind) {
        while let Some(key) = self.queries.take_held_back(kind) {
            let Some(subscription) = self.table.get_mut(key) else { continue };
            let Phase::Querying(asked, since) = subscription.phase else { continue };
            if asked != kind {
                continue;
            }
            match kind {
                QueryKind::Page => self.queries.ask_page(key, subscription, &self.recent, since),
                QueryKind::Judgement => self.queries.ask_judgement(key, subscription, since),
                QueryKind::Memberships => {
                    self.queries.ask_memberships(key, subscription, self.recent.topics_mut(), since);
                }
            }
            if self.queries.is_held_back_again(key, kind) {
                return;
            }
        }
    }

    /// Sends reports that were held back, as far as that goes now.
    fn resend_reports(&mut self) {
        self.reports.send_held_back();
        if self.reports.take_debt() {
            self.report_all_streams();
        }
    }

    /// Does what is due for one subscription.
    fn tend(&mut self, key: SubscriptionKey, now: Instant) {
        let head = self.recent.head();
        let Some(subscription) = self.table.get_mut(key) else { return };
        let (until, reason) = subscription.subscriber.until;
        // A poll first looks at what it missed, however long that takes.
        if now >= until && (subscription.phase == Phase::Live || reason != CloseReason::Waited) {
            subscription.close(reason, head, now);
        }
        if subscription.is_overdue(now) || subscription.is_gone() {
            self.remove(key, now);
            return;
        }
        if now >= subscription.heartbeat_at(key) {
            subscription.add_heartbeat();
        }
        if subscription.is_too_slow(now) {
            subscription.close(CloseReason::Slow, head, now);
        }
        if subscription.retry_write() {
            self.table.queue(key);
        }
    }

    /// Removes a subscription, and with it its connection.
    pub fn remove(&mut self, key: SubscriptionKey, now: Instant) -> Option<Subscription> {
        let subscription = self.table.remove(key)?;
        self.queries.forget(key);
        self.recent.topics_mut().unsubscribe(subscription.user, key, now);
        self.reports.send(ClientReport::Disconnected(connection(&subscription.subscriber, &subscription.receiver)));
        self.receipts.ended(&subscription, &self.recent, &mut self.reports);
        Some(subscription)
    }

    /// Reports all streams of this node.
    pub fn report_all_streams(&mut self) {
        let streams = self.table.iter().filter(|subscription| subscription.is_stream());
        let streams = streams.map(|stream| connection(&stream.subscriber, &stream.receiver)).collect();
        self.reports.send(ClientReport::AllStreams(streams));
    }

    /// Delivers to the other members of a conversation that somebody types.
    pub fn deliver_typing(&mut self, typing: &TypingNotice) {
        deliver_typing(typing, self.recent.topics(), &mut self.table);
    }

    /// Takes in changes of presence, which are delivered in turn.
    pub fn queue_presence(&mut self, changes: Vec<PresenceNotice>) {
        self.ephemera.queue_presence(changes);
    }

    /// Reports from now on who is sent a message, and at once who was.
    pub fn await_delivery(&mut self, awaited: AwaitedDelivery, now: Instant) {
        self.receipts.await_delivery(awaited, &self.recent, &self.table, &mut self.reports, now);
    }

    /// Ends a user's oldest streams, so that one more is allowed.
    fn replace_oldest_streams(&mut self, user: UserId, now: Instant) {
        let topics = self.recent.topics();
        let Some(user) = topics.find_user(user) else { return };
        let is_open = |key: &SubscriptionKey| {
            let subscription = self.table.get(*key);
            subscription.is_some_and(|subscription| subscription.is_stream() && subscription.closing.is_none())
        };
        let streams: Vec<_> = topics.user(user).subscriptions.iter().copied().filter(is_open).collect();
        for key in &streams[..(streams.len() + 1).saturating_sub(self.streams_per_user)] {
            if let Some(subscription) = self.table.get_mut(*key) {
                subscription.close(CloseReason::Replaced, self.recent.head(), now);
            }
            self.table.queue(*key);
        }
    }
}

#[cfg(test)]
#[path = "tests/dispatcher.rs"]
mod tests;
