//! All subscriptions of the node, and the queue of those that something can be done for.

use super::deadlines::Deadlines;
use super::receiver::NewSubscription;
use super::subscription::Subscription;
use crate::delivery::core::recent::topics::{INITIAL_CAPACITY, Topics};
use crate::delivery::core::slots::SubscriptionKey;
use crate::log::Cursor;
use crate::wire::Encoded;
use slab::Slab;
use std::collections::VecDeque;
use std::time::Instant;

/// Deadlines beyond two a subscription that may be out of date.
const MAX_STALE_DEADLINES: usize = 1_024;

/// How many clients receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionCounts {
    pub streams: usize,
    pub polls: usize,
}

/// All subscriptions of the node.
pub struct SubscriptionTable {
    subscriptions: Slab<Subscription>,
    /// Those that something can be done for, each at most once.
    ready: VecDeque<SubscriptionKey>,
    deadlines: Deadlines,
    counts: SubscriptionCounts,
    /// Subscriptions that were looked at.
    #[cfg(test)]
    pub visits: std::cell::Cell<usize>,
}

impl SubscriptionCounts {
    fn of(&mut self, subscription: &Subscription) -> &mut usize {
        if subscription.is_stream() { &mut self.streams } else { &mut self.polls }
    }
}

impl Default for SubscriptionTable {
    fn default() -> Self {
        Self {
            subscriptions: Slab::with_capacity(INITIAL_CAPACITY),
            ready: VecDeque::new(),
            deadlines: Deadlines::default(),
            counts: SubscriptionCounts::default(),
            #[cfg(test)]
            visits: std::cell::Cell::default(),
        }
    }
}

impl SubscriptionTable {
    /// Adds a subscription, to its user too.
    pub fn insert(&mut self, new: NewSubscription, topics: &mut Topics, now: Instant) -> SubscriptionKey {
        let entry = self.subscriptions.vacant_entry();
        let key = entry.key() as SubscriptionKey;
        let user = topics.subscribe(new.subscriber.user, key);
        let subscription = entry.insert(Subscription::new(new, user, now));
        *self.counts.of(subscription) += 1;
        self.schedule(key, now);
        key
    }

    /// Removes a subscription.
    pub fn remove(&mut self, key: SubscriptionKey) -> Option<Subscription> {
        let subscription = self.subscriptions.try_remove(key as usize)?;
        *self.counts.of(&subscription) -= 1;
        Some(subscription)
    }

    /// How many there are.
    pub fn counts(&self) -> SubscriptionCounts {
        self.counts
    }

    /// Has a subscription looked at when something is due for it next.
    pub fn schedule(&mut self, key: SubscriptionKey, now: Instant) {
        let Some(subscription) = self.subscriptions.get_mut(key as usize) else { return };
        let due = subscription.next_due(key, now);
        if subscription.due_at.is_none_or(|known| due < known) {
            subscription.due_at = Some(due);
            self.deadlines.push(due, key);
            self.drop_stale_deadlines();
        }
    }

    /// Takes the subscriptions for which something may be due.
    pub fn take_due(&mut self, now: Instant) -> Vec<SubscriptionKey> {
        let mut keys = Vec::new();
        while let Some((at, key)) = self.deadlines.pop(now) {
            if let Some(subscription) = self.subscriptions.get_mut(key as usize)
                && subscription.due_at == Some(at)
            {
                subscription.due_at = None;
                keys.push(key);
            }
        }
        keys
    }

    /// A subscription that is blocked now and then leaves deadlines behind. They are removed once they are the most.
    fn drop_stale_deadlines(&mut self) {
        if self.deadlines.len() > 2 * self.subscriptions.len() + MAX_STALE_DEADLINES {
            let subscriptions = &self.subscriptions;
            let due_at = |key: SubscriptionKey| subscriptions.get(key as usize).and_then(|known| known.due_at);
            self.deadlines.retain(|at, key| due_at(key) == Some(at));
        }
    }

    /// The subscription of a key.
    pub fn get(&self, key: SubscriptionKey) -> Option<&Subscription> {
        self.subscriptions.get(key as usize)
    }

    /// The subscription of a key, to change it.
    pub fn get_mut(&mut self, key: SubscriptionKey) -> Option<&mut Subscription> {
        #[cfg(test)]
        self.visits.set(self.visits.get() + 1);
        self.subscriptions.get_mut(key as usize)
    }

    /// All subscriptions.
    pub fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.iter().map(|(_, subscription)| subscription)
    }

    /// All subscriptions with their keys, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (SubscriptionKey, &mut Subscription)> {
        #[cfg(test)]
        self.visits.set(self.visits.get() + self.subscriptions.len());
        self.subscriptions.iter_mut().map(|(key, subscription)| (key as SubscriptionKey, subscription))
    }

    /// Offers an event to a subscription that gets it, with `before` the head right before it.
    pub fn offer(&mut self, key: SubscriptionKey, event: &Encoded, before: Cursor, now: Instant) {
        let Some(subscription) = self.subscriptions.get_mut(key as usize) else { return };
        let wanted = subscription.subscriber.only.is_none_or(|only| only == event.event.conversation);
        if wanted && subscription.offer(event, before, now) {
            self.ready.push_back(key);
        }
    }

    /// Puts a subscription into the ready queue.
    pub fn queue(&mut self, key: SubscriptionKey) {
        if let Some(subscription) = self.subscriptions.get_mut(key as usize)
            && !std::mem::replace(&mut subscription.queued, true)
        {
            self.ready.push_back(key);
        }
    }

    /// Puts all subscriptions into the ready queue.
    pub fn queue_all(&mut self) {
        for (key, subscription) in &mut self.subscriptions {
            if !std::mem::replace(&mut subscription.queued, true) {
                self.ready.push_back(key as SubscriptionKey);
            }
        }
    }

    /// Takes the first out of the ready queue. It may have ended meanwhile.
    pub fn pop_ready(&mut self) -> Option<SubscriptionKey> {
        let key = self.ready.pop_front()?;
        if let Some(subscription) = self.subscriptions.get_mut(key as usize) {
            subscription.queued = false;
        }
        Some(key)
    }

    /// Whether the ready queue is empty.
    pub fn is_idle(&self) -> bool {
        self.ready.is_empty()
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.subscriptions.len()
    }
}
