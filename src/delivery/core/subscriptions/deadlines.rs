//! When something is due for which subscription.

use crate::delivery::core::slots::SubscriptionKey;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Deadlines, the earliest first. A subscription notes its own earliest one; others of it are out of date, and are
/// dropped when their time comes.
#[derive(Default)]
pub struct Deadlines(BinaryHeap<Reverse<(Instant, SubscriptionKey)>>);

impl Deadlines {
    /// Adds a deadline.
    pub fn push(&mut self, at: Instant, key: SubscriptionKey) {
        self.0.push(Reverse((at, key)));
    }

    /// Takes the earliest deadline if it has passed.
    pub fn pop(&mut self, now: Instant) -> Option<(Instant, SubscriptionKey)> {
        let Reverse((at, _)) = self.0.peek()?;
        if *at > now {
            return None;
        }
        self.0.pop().map(|Reverse(deadline)| deadline)
    }

    /// How many there are, with those that are out of date.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Keeps only the deadlines that `is_current` names.
    pub fn retain(&mut self, mut is_current: impl FnMut(Instant, SubscriptionKey) -> bool) {
        self.0.retain(|Reverse((at, key))| is_current(*at, *key));
    }
}
