//! The events that passed by last.

use super::membership::Effect;
use crate::ids::{MessageId, Position, UserId};
use crate::store::EventKind;
use crate::wire::{Encoded, MessagePayload};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of events that a node remembers: who reconnects within a minute or so costs PostgreSQL nothing.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Where a conversation stands in the [`super::roster::Roster`].
pub type Door = u32;

/// An event, and what the hub knows of it.
pub struct Passed {
    pub event: Arc<Encoded>,
    pub room: Door,
    /// The one before it in the same room; whether that is still here, the ring's floor tells.
    pub previous: Position,
    pub effect: Effect,
}

/// The log's last events, without a gap.
pub struct Ring {
    /// All events above it are here.
    floor: Position,
    events: VecDeque<Passed>,
    /// Where the memberships of a room changed, in order.
    changes: VecDeque<Position>,
    /// Where messages were edited, in order.
    edits: VecDeque<(Position, MessageId)>,
    bytes: usize,
}

impl Ring {
    /// Remembers what passes from `floor` on.
    pub fn new(floor: Position) -> Self {
        Self { floor, events: VecDeque::new(), changes: VecDeque::new(), edits: VecDeque::new(), bytes: 0 }
    }

    /// All events above it are here.
    pub fn floor(&self) -> Position {
        self.floor
    }

    /// Takes in the next event.
    pub fn push(&mut self, passed: Passed) {
        if passed.effect != Effect::None {
            self.changes.push_back(passed.event.event.position);
        }
        let event = &passed.event.event;
        if let (EventKind::MessageEdited, Some(message)) = (event.kind, event.message) {
            self.edits.push_back((event.position, message));
        }
        self.bytes += passed.event.size_bytes();
        self.events.push_back(passed);
    }

    /// Takes out the oldest event while there are more than may be; the last one stays.
    pub fn evict(&mut self) -> Option<Passed> {
        if self.bytes <= MOST_BYTES || self.events.len() == 1 {
            return None;
        }
        let oldest = self.events.pop_front()?;
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

    /// The event at a position, if it is still here.
    pub fn get(&self, position: Position) -> Option<&Passed> {
        self.events.get(self.index(position)?)
    }

    fn index(&self, position: Position) -> Option<usize> {
        let index = position.0.checked_sub(self.floor.0)?.checked_sub(1)?;
        usize::try_from(index).ok()
    }

    /// The changes of memberships above a position, the newest first.
    pub fn changes_above(&self, position: Position) -> impl Iterator<Item = &Passed> {
        self.changes.iter().rev().take_while(move |at| **at > position).filter_map(|at| self.get(*at))
    }

    /// Blanks the texts of a message that was created at a position.
    pub fn blank_message(&mut self, message: MessageId, created: Position) {
        self.blank(created);
        let edits = self.edits.iter().filter(|(_, of)| *of == message);
        for edit in edits.map(|(position, _)| *position).collect::<Vec<_>>() {
            self.blank(edit);
        }
    }

    /// Blanks all texts of a room whose last event is `last`.
    pub fn blank_room(&mut self, last: Position) {
        let mut next = last;
        while let Some(previous) = self.get(next).map(|passed| passed.previous) {
            self.blank(next);
            next = previous;
        }
    }

    fn blank(&mut self, position: Position) {
        let Some(passed) = self.index(position).and_then(|index| self.events.get_mut(index)) else { return };
        if let Some(blanked) = MessagePayload::blanked(&passed.event.event) {
            self.bytes -= passed.event.size_bytes();
            passed.event = Arc::new(Encoded::new(Arc::new(blanked)));
            self.bytes += passed.event.size_bytes();
        }
    }

    /// The events of a room from `last` down to above `floor` that `user` may see, who is a member at its end or not;
    /// the newest first.
    ///
    /// Who was a member before an event follows from who was one after it and what it did, so that nothing but the
    /// present needs to be known.
    pub fn visible(
        &self,
        user: UserId,
        mut member: bool,
        last: Position,
        floor: Position,
    ) -> impl Iterator<Item = Position> {
        let mut next = last;
        std::iter::from_fn(move || {
            while next > floor {
                let passed = self.get(next)?;
                let position = std::mem::replace(&mut next, passed.previous);
                let changed = passed.effect.on(user);
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
#[path = "ring_tests.rs"]
mod tests;
