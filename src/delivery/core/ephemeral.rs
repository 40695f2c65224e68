//! Ephemeral events: who types, and whose presence changed.
//!
//! They go to the streams that are live and keep up, and are dropped for all others. So they close no stream, and move
//! no position in the log.

use super::recent::topics::{TopicKey, Topics};
use super::slots::{SubscriptionKey, TopicSlot};
use super::subscriptions::receiver::{Receiver, Subscriber};
use super::subscriptions::subscription::{Phase, Subscription};
use super::subscriptions::table::SubscriptionTable;
use crate::ids::{ConversationId, UserId};
use crate::wire::Ephemeral;
use std::collections::{HashMap, VecDeque};

/// Pieces that may wait for a client when an ephemeral event comes for it.
const MAX_WAITING_PIECES: usize = 256;
/// Subscriptions that are looked at in one go for changes of presence, every tenth of a second. When thousands connect
/// or disconnect together, telling of it must not delay messages.
const PRESENCE_BUDGET: usize = 2_000;
/// Changes of presence that may wait for their turn.
const MAX_PRESENCE_CHANGES: usize = 20_000;
/// Members of a conversation on this node above which it delivers nothing ephemeral: each would get the events of each other.
const MAX_EPHEMERAL_MEMBERS: usize = 50;

/// Somebody types.
pub struct TypingNotice {
    pub conversation: ConversationId,
    pub user: UserId,
    pub event: Ephemeral,
}

/// Somebody has come online or gone offline.
pub struct PresenceNotice {
    pub user: UserId,
    /// The conversations where they are a member.
    pub conversations: Vec<ConversationId>,
    pub event: Ephemeral,
}

/// Changes of presence that wait for their turn.
#[derive(Default)]
pub struct Ephemera {
    /// The last change of each user.
    changes: HashMap<UserId, PresenceNotice>,
    /// The order in which they came.
    order: VecDeque<UserId>,
}

impl Ephemera {
    /// Takes in changes of presence. What is too much drops the oldest.
    pub fn queue_presence(&mut self, changes: Vec<PresenceNotice>) {
        for change in changes {
            let user = change.user;
            if self.changes.insert(user, change).is_none() {
                self.order.push_back(user);
            }
        }
        while self.order.len() > MAX_PRESENCE_CHANGES {
            if let Some(oldest) = self.order.pop_front() {
                self.changes.remove(&oldest);
            }
        }
    }

    /// Delivers some of the changes of presence that wait, to those who share a conversation with the user.
    pub fn deliver_presence(&mut self, topics: &Topics, table: &mut SubscriptionTable) {
        let mut spent = 0;
        while spent < PRESENCE_BUDGET
            && let Some(user) = self.order.pop_front()
        {
            if let Some(change) = self.changes.remove(&user) {
                spent += deliver_change(&change, topics, table);
            }
        }
        if self.order.is_empty() {
            *self = Self::default();
        }
    }

    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.order.len()
    }
}

/// Delivers to the members of a conversation who are on this node that somebody types. The typist's own streams are
/// left out.
pub fn deliver_typing(typing: &TypingNotice, topics: &Topics, table: &mut SubscriptionTable) {
    let Some(topic) = topics.find(TopicKey::Conversation(typing.conversation)) else { return };
    if topics.members(topic).len() > MAX_EPHEMERAL_MEMBERS {
        return;
    }
    for key in topics.subscribers(topic) {
        offer(table, key, &typing.event, |subscriber| {
            subscriber.user != typing.user && subscriber.only.is_none_or(|only| only == typing.conversation)
        });
    }
}

/// Delivers one change of presence; returns what that costs of the budget: looking at a subscription costs, too.
fn deliver_change(change: &PresenceNotice, topics: &Topics, table: &mut SubscriptionTable) -> usize {
    let known = change.conversations.iter().filter_map(|id| topics.find(TopicKey::Conversation(*id)));
    let small: Vec<TopicSlot> = known.filter(|topic| topics.members(*topic).len() <= MAX_EPHEMERAL_MEMBERS).collect();
    let mut users: Vec<_> = small.iter().flat_map(|topic| topics.members(*topic)).copied().collect();
    users.sort_unstable();
    users.dedup();
    let mut spent = 1;
    for key in users.iter().flat_map(|user| &topics.user(*user).subscriptions) {
        spent += 1;
        offer(table, *key, &change.event, |subscriber| {
            subscriber.user != change.user && subscriber.only.is_none_or(|only| change.conversations.contains(&only))
        });
    }
    spent
}

fn offer(
    table: &mut SubscriptionTable,
    key: SubscriptionKey,
    event: &Ephemeral,
    wanted: impl FnOnce(&Subscriber) -> bool,
) {
    if let Some(subscription) = table.get_mut(key)
        && wanted(&subscription.subscriber)
        && subscription.add_ephemeral(event)
    {
        table.queue(key);
    }
}

impl Subscription {
    /// Adds an ephemeral event to what is written next if this is a stream that keeps up; returns whether it was.
    fn add_ephemeral(&mut self, event: &Ephemeral) -> bool {
        let Receiver::Stream { framing, sink } = &self.receiver else { return false };
        let waiting = self.out.len() + self.pending.len();
        if self.phase != Phase::Live || self.closing.is_some() || self.blocked || waiting >= MAX_WAITING_PIECES {
            return false;
        }
        self.out.push_back(sink.bytes(event.framed(*framing)));
        true
    }
}
