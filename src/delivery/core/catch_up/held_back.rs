//! Which queries found their queue full.

use crate::delivery::core::slots::SubscriptionKey;
use crate::delivery::core::subscriptions::subscription::QueryKind;
use std::collections::BTreeSet;

/// The subscriptions whose query is to be sent later, by the kind of the query. Each kind has a queue of its own, so a
/// kind whose queue is full holds back no other.
#[derive(Default)]
pub struct HeldBackQueries {
    memberships: HeldBackKeys,
    pages: HeldBackKeys,
    judgements: HeldBackKeys,
}

#[derive(Default)]
struct HeldBackKeys {
    keys: BTreeSet<SubscriptionKey>,
    /// Where the next turn among them begins, so that each has one.
    next: SubscriptionKey,
}

impl HeldBackQueries {
    /// Adds a subscription.
    pub fn add(&mut self, key: SubscriptionKey, kind: QueryKind) {
        self.of(kind).keys.insert(key);
    }

    /// Takes the subscription whose turn it is.
    pub fn take(&mut self, kind: QueryKind) -> Option<SubscriptionKey> {
        self.of(kind).take()
    }

    /// Whether a subscription whose turn it was is held back again. Then it keeps its turn.
    pub fn keeps_turn(&mut self, key: SubscriptionKey, kind: QueryKind) -> bool {
        let held_back = self.of(kind);
        let keeps = held_back.keys.contains(&key);
        if keeps {
            held_back.next = key;
        }
        keeps
    }

    /// Removes a subscription, whatever its query was.
    pub fn remove(&mut self, key: SubscriptionKey) {
        for held_back in [&mut self.memberships, &mut self.pages, &mut self.judgements] {
            if !held_back.keys.is_empty() {
                held_back.keys.remove(&key);
            }
        }
    }

    fn of(&mut self, kind: QueryKind) -> &mut HeldBackKeys {
        match kind {
            QueryKind::Memberships => &mut self.memberships,
            QueryKind::Page => &mut self.pages,
            QueryKind::Judgement => &mut self.judgements,
        }
    }
}

impl HeldBackKeys {
    fn take(&mut self) -> Option<SubscriptionKey> {
        let following = self.keys.range(self.next..).next();
        let key = following.or_else(|| self.keys.first()).copied()?;
        self.keys.remove(&key);
        self.next = key.wrapping_add(1);
        Some(key)
    }
}
