//! Confirmations of delivery: who was sent a message whose sender waits to know.
//!
//! A stream that nobody asks about costs nothing: two positions say what it was sent, where it started and up to where
//! it has everything. So whoever asks late, from another node, still gets an answer. It covers polls that were just
//! answered, too, which is why the last clients that have ended are remembered.

use super::recent::recent_log::RecentLog;
use super::recent::topics::TopicKey;
use super::reports::{ClientReport, Reports};
use super::subscriptions::subscription::Subscription;
use super::subscriptions::table::SubscriptionTable;
use crate::ids::{ConversationId, Position, UserId};
use crate::log::Cursor;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Included};
use std::time::Instant;

/// Messages whose delivery may be awaited. Beyond, nobody is named.
const MAX_AWAITED: usize = 4_096;
/// Clients that are remembered when they have ended.
const MAX_ENDED_KEPT: usize = 1_024;

/// A message whose delivery somebody awaits.
#[derive(Clone, Copy, Debug)]
pub struct AwaitedDelivery {
    pub at: Cursor,
    pub conversation: ConversationId,
    pub sender: UserId,
    pub until: Instant,
}

/// What a client was sent: all events of its user above `from`, up to `upto`.
#[derive(Clone, Copy, Debug)]
struct DeliveredRange {
    user: UserId,
    only: Option<ConversationId>,
    from: Position,
    upto: Position,
}

/// The deliveries that are awaited, and what clients that have ended were sent.
#[derive(Default)]
pub struct Receipts {
    awaited: BTreeMap<Position, AwaitedDelivery>,
    ended: VecDeque<DeliveredRange>,
}

impl DeliveredRange {
    /// What a client was sent, unless some of it still waits to be written.
    fn of(subscription: &Subscription) -> Option<Self> {
        let subscriber = &subscription.subscriber;
        let (from, upto) = (subscription.from, subscription.covered.position);
        let range = Self { user: subscriber.user, only: subscriber.only, from, upto };
        (subscription.out.is_empty() && from < upto).then_some(range)
    }

    /// Whether a message is in the range, and the client is not the sender's own.
    fn has(self, awaited: &AwaitedDelivery, recent: &RecentLog) -> bool {
        let (ring, topics, at) = (recent.ring(), recent.topics(), awaited.at.position);
        let entry = ring.get(at).filter(|entry| entry.event.event.conversation == awaited.conversation);
        let (Some(entry), Some(user)) = (entry, topics.find_user(self.user)) else { return false };
        let user = topics.user(user);
        let is_member = user.topics.as_ref().is_some_and(|topics| topics.contains(&entry.topic));
        let mut visible = ring.visible(user.id, user.ended(), true, topics.last(entry.topic), at.previous());
        self.user != awaited.sender
            && self.from < at
            && at <= self.upto
            && self.only.is_none_or(|only| only == awaited.conversation)
            && is_member
            && visible.any(|position| position == at)
    }
}

impl Receipts {
    /// Reports from now on who is sent a message, and at once who was.
    pub fn await_delivery(
        &mut self,
        awaited: AwaitedDelivery,
        recent: &RecentLog,
        table: &SubscriptionTable,
        reports: &mut Reports,
        now: Instant,
    ) {
        if awaited.at.epoch != recent.head().epoch {
            return;
        }
        for user in self.delivered_before(&awaited, recent, table) {
            reports.send(ClientReport::Delivered(awaited.at, user));
        }
        let all = &mut self.awaited;
        if all.len() >= MAX_AWAITED {
            all.retain(|_, awaited| awaited.until > now);
        }
        if all.len() < MAX_AWAITED {
            let until = all.get(&awaited.at.position).map_or(awaited.until, |known| known.until.max(awaited.until));
            all.insert(awaited.at.position, AwaitedDelivery { until, ..awaited });
        }
    }

    /// Takes in that a stream was written to. Before that it had everything up to `before`, unless something was still
    /// to be written.
    pub fn written(
        &self,
        subscription: &Subscription,
        before: Option<Position>,
        recent: &RecentLog,
        reports: &mut Reports,
    ) {
        if self.awaited.is_empty() {
            return;
        }
        if let Some(range) = DeliveredRange::of(subscription) {
            let from = before.map_or(range.from, |before| before.max(range.from));
            self.report(DeliveredRange { from, ..range }, recent, reports);
        }
    }

    /// Takes in that a client has ended.
    pub fn ended(&mut self, subscription: &Subscription, recent: &RecentLog, reports: &mut Reports) {
        let Some(range) = DeliveredRange::of(subscription) else { return };
        if !self.awaited.is_empty() {
            self.report(range, recent, reports);
        }
        if self.ended.len() == MAX_ENDED_KEPT {
            self.ended.pop_front();
        }
        self.ended.push_back(range);
    }

    /// Forgets what nobody awaits any more.
    pub fn expire(&mut self, now: Instant) {
        if !self.awaited.is_empty() {
            self.awaited.retain(|_, awaited| awaited.until > now);
        }
    }

    fn report(&self, range: DeliveredRange, recent: &RecentLog, reports: &mut Reports) {
        if range.from < range.upto {
            let covered = self.awaited.range((Excluded(range.from), Included(range.upto)));
            for (_, awaited) in covered.filter(|(_, awaited)| range.has(awaited, recent)) {
                reports.send(ClientReport::Delivered(awaited.at, range.user));
            }
        }
    }

    /// The users who have a message, as far as this node knows.
    fn delivered_before(
        &self,
        awaited: &AwaitedDelivery,
        recent: &RecentLog,
        table: &SubscriptionTable,
    ) -> Vec<UserId> {
        let topics = recent.topics();
        let Some(topic) = topics.find(TopicKey::Conversation(awaited.conversation)) else { return Vec::new() };
        let here = topics.subscribers(topic).filter_map(|key| DeliveredRange::of(table.get(key)?));
        let ranges = here.chain(self.ended.iter().copied());
        let mut users: Vec<_> = ranges.filter(|range| range.has(awaited, recent)).map(|range| range.user).collect();
        users.sort_unstable();
        users.dedup();
        users
    }
}
