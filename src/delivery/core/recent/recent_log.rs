//! The recent part of the log with the memberships at its head: who gets the next event, and who missed which.

use super::deletions::Deletions;
use super::membership::MembershipEffect;
use super::ring::{Ring, RingEntry};
use super::topics::{TopicKey, Topics};
use crate::delivery::core::slots::{SubscriptionKey, TopicSlot, UserSlot};
use crate::ids::{ConversationId, Position};
use crate::log::{Cursor, Event};
use crate::store::EventKind;
use crate::wire::{Encoded, MessageData};
use std::sync::Arc;

/// The recent part of the log.
pub struct RecentLog {
    head: Cursor,
    ring: Ring,
    topics: Topics,
    deletions: Deletions,
}

impl RecentLog {
    /// Makes an empty one at `head`.
    pub fn new(head: Cursor) -> Self {
        Self { head, ring: Ring::new(head.position), topics: Topics::default(), deletions: Deletions::default() }
    }

    /// How far the log was published here.
    pub fn head(&self) -> Cursor {
        self.head
    }

    /// The events that are held in memory.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The memberships at the head.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The deletions of texts that have passed.
    pub fn deletions(&self) -> &Deletions {
        &self.deletions
    }

    /// The memberships at the head, to change who is here.
    pub fn topics_mut(&mut self) -> &mut Topics {
        &mut self.topics
    }

    /// Appends the next event, and passes it, with the head right before it, to `deliver` for each subscription that
    /// gets it.
    pub fn append(&mut self, event: Arc<Encoded>, mut deliver: impl FnMut(SubscriptionKey, &Encoded, Cursor)) {
        let topic = self.topics.slot(TopicKey::of(&event.event));
        let effect = MembershipEffect::of(&event.event);
        self.blank(topic, &event.event);
        self.topics.add_members(topic, &effect);
        for key in self.topics.subscribers(topic) {
            deliver(key, &event, self.head);
        }
        self.topics.remove_members(topic, &effect, event.event.position, self.ring.floor());
        let previous = self.topics.set_last(topic, event.event.position);
        self.head = event.event.cursor();
        self.ring.push(RingEntry { event, topic, previous, effect });
    }

    /// Moves the head to `head`, up to which everything was appended, and lets go of what is too old.
    pub fn finish_batch(&mut self, head: Cursor) {
        self.head = head;
        while let Some(evicted) = self.ring.evict() {
            self.topics.evicted(evicted.topic, evicted.event.event.position);
        }
    }

    /// Goes on from `head`, where another history of the log begins: nothing that was known holds.
    pub fn rebase(&mut self, head: Cursor) {
        self.head = head;
        self.ring = Ring::new(head.position);
        self.topics.reset();
    }

    /// Applies the changes above `known` to memberships that were read there. For all other users, what happened
    /// happens again, and ends as it did.
    pub fn replay_memberships(&mut self, known: Position) {
        let changes = self.ring.changes_above(known);
        let changes: Vec<_> =
            changes.map(|entry| (entry.topic, entry.effect.clone(), entry.event.event.position)).collect();
        for (topic, effect, position) in changes.into_iter().rev() {
            self.topics.add_members(topic, &effect);
            self.topics.remove_members(topic, &effect, position, self.ring.floor());
        }
    }

    /// The events above `covered` that a user gets, in order; `None` while their memberships are not known.
    pub fn missed(&self, user: UserSlot, covered: Position, only: Option<ConversationId>) -> Option<Vec<Position>> {
        let user = self.topics.user(user);
        let topics = user.topics.as_ref()?;
        let only_topic = only.map(|conversation| self.topics.find(TopicKey::Conversation(conversation)));
        let wanted = |topic: TopicSlot| only_topic.is_none_or(|only| only == Some(topic));
        let mut positions = Vec::new();
        let mut collect = |topic: TopicSlot, member: bool| {
            let last = self.topics.last(topic);
            if last > covered && wanted(topic) {
                positions.extend(self.ring.visible(user.id, user.ended(), member, last, covered));
            }
        };
        topics.iter().for_each(|topic| collect(*topic, true));
        let mut left = Vec::new();
        for entry in self.ring.changes_above(covered) {
            let topic = entry.topic;
            let concerns = entry.effect_on(user.id, user.ended()).is_some();
            if concerns && !topics.contains(&topic) && !left.contains(&topic) {
                left.push(topic);
                collect(topic, false);
            }
        }
        if let Some(own) = self.topics.find(TopicKey::Own(user.id)) {
            let events = self.ring.visible(user.id, &[], true, self.topics.last(own), covered);
            let wanted = |at: &Position| {
                let conversation = self.ring.get(*at).map(|entry| entry.event.event.conversation);
                only.is_none_or(|only| conversation == Some(only))
            };
            positions.extend(events.filter(wanted));
        }
        positions.sort_unstable();
        Some(positions)
    }

    /// Blanks in memory the texts that an event deletes.
    fn blank(&mut self, topic: TopicSlot, event: &Event) {
        match (event.kind, event.message) {
            (EventKind::MessageDeleted, Some(message)) => {
                if let Some(created) = MessageData::place(event) {
                    self.ring.blank_message(message, created.position);
                }
                self.deletions.add(Some(message));
            }
            (EventKind::ConversationDeleted, _) => {
                self.ring.blank_topic(self.topics.last(topic));
                self.deletions.add(None);
            }
            _ => {}
        }
    }

    #[cfg(test)]
    pub fn ring_mut(&mut self) -> &mut Ring {
        &mut self.ring
    }
}
