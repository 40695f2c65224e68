//! The last events of the log, as many as fit.

use super::membership::MembershipEffect;
use crate::delivery::core::slots::TopicSlot;
use crate::ids::{MessageId, Position, UserId};
use crate::store::EventKind;
use crate::wire::{Encoded, MessagePayload};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of events that the ring holds: a client that reconnects within a minute or so costs PostgreSQL nothing.
const MAX_RING_BYTES: usize = 64 * 1024 * 1024;

/// An event in the ring.
pub struct RingEntry {
    pub event: Arc<Encoded>,
    pub topic: TopicSlot,
    /// The event before it in the same topic. It is still in the ring if it lies above the ring's floor.
    pub previous: Position,
    pub effect: MembershipEffect,
}

/// The log's last events, without a gap.
pub struct Ring {
    floor: Position,
    entries: VecDeque<RingEntry>,
    /// Positions at which memberships changed, in order.
    changes: VecDeque<Position>,
    /// Edits of messages, in order.
    edits: VecDeque<(Position, MessageId)>,
    bytes: usize,
}

impl RingEntry {
    /// Whether `user` is a member after the event, who was one when conversations ended at `ended`; `None` if the event
    /// does not change that.
    pub fn effect_on(&self, user: UserId, ended: &[Position]) -> Option<bool> {
        self.effect.on(user, || ended.contains(&self.event.event.position))
    }
}

impl Ring {
    /// Makes an empty ring that takes in what follows `floor`.
    pub fn new(floor: Position) -> Self {
        Self { floor, entries: VecDeque::new(), changes: VecDeque::new(), edits: VecDeque::new(), bytes: 0 }
    }

    /// The position above which all events are in the ring.
    pub fn floor(&self) -> Position {
        self.floor
    }

    /// Appends the next event.
    pub fn push(&mut self, entry: RingEntry) {
        let event = &entry.event.event;
        if entry.effect != MembershipEffect::None {
            self.changes.push_back(event.position);
        }
        if let (EventKind::MessageEdited, Some(message)) = (event.kind, event.message) {
            self.edits.push_back((event.position, message));
        }
        self.bytes += entry.event.size_bytes();
        self.entries.push_back(entry);
    }

    /// Removes the oldest event while the ring is too large. The last event stays, however large it is.
    pub fn evict(&mut self) -> Option<RingEntry> {
        if self.bytes <= MAX_RING_BYTES || self.entries.len() == 1 {
            return None;
        }
        let oldest = self.entries.pop_front()?;
        self.floor = oldest.event.event.position;
        self.bytes -= oldest.event.size_bytes();
        if self.changes.front() == Some(&self.floor) {
            self.changes.pop_front();
        }
        if self.edits.front().is_some_and(|(position, _)| *position == self.floor) {
            self.edits.pop_front();
        }
        Some(oldest)
    }

    /// The event at a position, if it is in the ring.
    pub fn get(&self, position: Position) -> Option<&RingEntry> {
        self.entries.get(self.index(position)?)
    }

    fn index(&self, position: Position) -> Option<usize> {
        let index = position.0.checked_sub(self.floor.0)?.checked_sub(1)?;
        usize::try_from(index).ok()
    }

    /// The changes of memberships above a position, the newest first.
    pub fn changes_above(&self, position: Position) -> impl Iterator<Item = &RingEntry> {
        self.changes.iter().rev().take_while(move |at| **at > position).filter_map(|at| self.get(*at))
    }

    /// Blanks all texts of a message that was created at a position.
    pub fn blank_message(&mut self, message: MessageId, created: Position) {
        self.blank(created);
        let edits = self.edits.iter().filter(|(_, of)| *of == message);
        for edit in edits.map(|(position, _)| *position).collect::<Vec<_>>() {
            self.blank(edit);
        }
    }

    /// Blanks all texts of a topic whose last event is at `last`.
    pub fn blank_topic(&mut self, last: Position) {
        let mut next = last;
        while let Some(previous) = self.get(next).map(|entry| entry.previous) {
            self.blank(next);
            next = previous;
        }
    }

    fn blank(&mut self, position: Position) {
        let Some(entry) = self.index(position).and_then(|index| self.entries.get_mut(index)) else { return };
        if let Some(blanked) = MessagePayload::blanked(&entry.event.event) {
            self.bytes -= entry.event.size_bytes();
            entry.event = Arc::new(Encoded::new(Arc::new(blanked)));
            self.bytes += entry.event.size_bytes();
        }
    }

    /// The events of a topic that `user` may see, from `last` down to above `floor`, the newest first. `member` says
    /// whether the user is a member after `last`, and `ended` where conversations ended whose member they were.
    ///
    /// Whether a user was a member before an event follows from whether they were after it and what the event did, so
    /// only the present memberships need to be known.
    pub fn visible(
        &self,
        user: UserId,
        ended: &[Position],
        mut member: bool,
        last: Position,
        floor: Position,
    ) -> impl Iterator<Item = Position> {
        let mut next = last;
        std::iter::from_fn(move || {
            while next > floor {
                let entry = self.get(next)?;
                let position = std::mem::replace(&mut next, entry.previous);
                let changed = entry.effect_on(user, ended);
                let visible = member || changed.is_some();
                member = changed.map_or(member, |after| !after);
                if visible {
                    return Some(position);
                }
            }
            None
        })
    }
}

#[cfg(test)]
#[path = "tests/ring.rs"]
mod tests;
