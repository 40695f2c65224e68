//! Serving the ready queue: writing to streams, and answering polls.

use super::{Dispatcher, FinishedPoll};
use crate::delivery::core::catch_up::advance::advance;
use crate::delivery::core::slots::SubscriptionKey;
use crate::delivery::core::subscriptions::close_reason::CloseReason;
use crate::delivery::core::subscriptions::receiver::Receiver;
use crate::delivery::core::subscriptions::subscription::Phase;
use crate::delivery::core::subscriptions::write::WriteOutcome;
use crate::wire::Encoded;
use std::sync::Arc;
use std::time::Instant;

impl Dispatcher {
    /// Does what can be done for the first subscription in the ready queue; returns false if the queue is empty.
    ///
    /// All that has come until its turn goes in one write. So the longer the queue is, the fewer writes there are.
    pub fn serve(&mut self, now: Instant) -> bool {
        let Some(key) = self.table.pop_ready() else { return false };
        let Some(subscription) = self.table.get(key) else { return true };
        if subscription.is_stream() {
            self.write(key, now);
        } else {
            self.try_answer(key, now);
        }
        true
    }

    /// Takes in that a connection takes more again.
    pub fn unblock(&mut self, key: SubscriptionKey) {
        if let Some(subscription) = self.table.get_mut(key)
            && std::mem::replace(&mut subscription.blocked, false)
        {
            self.table.queue(key);
        }
    }

    fn write(&mut self, key: SubscriptionKey, now: Instant) {
        let Some(subscription) = self.table.get_mut(key) else { return };
        let before = subscription.out.is_empty().then_some(subscription.covered.position);
        match subscription.write(self.recent.ring(), now) {
            Ok(WriteOutcome::More) => {
                self.receipts.written(subscription, before, &self.recent, &mut self.reports);
                self.table.queue(key);
            }
            Ok(WriteOutcome::Drained) => {
                self.receipts.written(subscription, before, &self.recent, &mut self.reports);
                if subscription.is_behind() && subscription.closing.is_none() {
                    advance(key, subscription, &mut self.recent, &mut self.queries, now);
                    if !subscription.pending.is_empty() {
                        self.table.queue(key);
                    }
                }
            }
            Ok(WriteOutcome::Blocked) => {
                subscription.blocked = true;
                if subscription.is_too_slow(now) {
                    subscription.close(CloseReason::Slow, self.recent.head(), now);
                }
                self.table.schedule(key, now);
            }
            Ok(WriteOutcome::Ended) | Err(_) => drop(self.remove(key, now)),
        }
    }

    /// Answers a poll if there is something to answer.
    fn try_answer(&mut self, key: SubscriptionKey, now: Instant) {
        let Some(subscription) = self.table.get_mut(key) else { return };
        if subscription.is_behind() && subscription.closing.is_none() && subscription.pending.is_empty() {
            advance(key, subscription, &mut self.recent, &mut self.queries, now);
        }
        let (until, reason) = subscription.subscriber.until;
        if subscription.phase == Phase::Live && subscription.pending.is_empty() && now >= until {
            subscription.close(reason, self.recent.head(), now);
        }
        let Receiver::Poll(poll) = &subscription.receiver else { return };
        let (limit, waits) = (poll.limit, !subscription.pending.is_empty());
        if let Some((events, more)) = subscription.take_answer(self.recent.ring(), limit, self.recent.head()) {
            self.finish_poll(key, events, more, None, now);
        } else if waits {
            // What waited has left the ring: it is read from the log.
            self.table.queue(key);
        } else if let Some(closing) = subscription.closing {
            subscription.conclude();
            self.finish_poll(key, Vec::new(), false, Some(closing.reason), now);
        }
    }

    /// Ends a poll with an answer.
    pub(super) fn finish_poll(
        &mut self,
        key: SubscriptionKey,
        events: Vec<Arc<Encoded>>,
        more: bool,
        close: Option<CloseReason>,
        now: Instant,
    ) {
        let Some(subscription) = self.remove(key, now) else { return };
        let covered = subscription.covered;
        if let Receiver::Poll(poll) = subscription.receiver {
            let held = subscription.held;
            self.finished_polls.push(FinishedPoll { poll, events, covered, more, close, held });
        }
    }
}
