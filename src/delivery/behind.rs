//! How a client that is behind comes to be live: out of the ring, where that holds all that it missed, else by questions to
//! PostgreSQL.

use super::audience::Audience;
use super::membership::Effect;
use super::ring::{Door, Passed};
use super::roster::{Circle, Key, Seat};
use super::subscription::{MOST_BYTES, Phase};
use crate::ids::{ConversationId, Position};
use std::time::Instant;

/// Positions that are taken out of the ring at once for a client that is behind.
const PART: usize = 4_096;

impl Audience {
    /// Finds what a subscription that is behind gets next: out of the ring, or by a question to PostgreSQL.
    pub(super) fn advance(&mut self, key: Key, now: Instant) {
        let Some(subscription) = self.subscriptions.get_mut(key as usize) else { return };
        let covered = subscription.covered.position;
        // Who was a member of a conversation that has ended, only the log knows.
        let ended = |passed: &Passed| passed.effect == Effect::End;
        if covered < self.ring.floor() || self.ring.changes_above(covered).any(ended) {
            return self.ask_page(key, now);
        }
        subscription.unread = None;
        let (seat, only) = (subscription.seat, subscription.subscriber.only);
        let Some(positions) = self.missed(seat, covered, only) else {
            return self.ask_memberships(key, now);
        };
        self.catch_up(key, positions);
    }

    /// Lets a subscription catch up with the ring. It is live when what is left may wait for any client.
    fn catch_up(&mut self, key: Key, mut positions: Vec<Position>) {
        let Some(subscription) = self.subscriptions.get_mut(key as usize) else { return };
        let sizes = positions.iter().filter_map(|at| self.ring.get(*at)).map(|passed| passed.event.wire_bytes());
        let bytes = sizes.take(PART).sum();
        if positions.len() > PART || bytes > MOST_BYTES {
            positions.truncate(PART);
            positions.shrink_to_fit();
        } else {
            subscription.phase = Phase::Live;
            if positions.is_empty() {
                subscription.cover(self.head);
            }
        }
        subscription.pending = positions;
        subscription.pending_bytes = bytes;
    }

    /// The events above a position that a user gets, in order; `None` while it is not known where they are a member.
    fn missed(&self, seat: Seat, covered: Position, only: Option<ConversationId>) -> Option<Vec<Position>> {
        let present = self.roster.user(seat);
        let rooms = present.rooms.as_ref()?;
        let only_door = only.map(|conversation| self.roster.find_door(Circle::Conversation(conversation)));
        let wanted = |door: Door| only_door.is_none_or(|only| only == Some(door));
        let mut positions = Vec::new();
        let mut look = |door: Door, member: bool| {
            let last = self.roster.room(door).last;
            if last > covered && wanted(door) {
                positions.extend(self.ring.visible(present.user, member, last, covered));
            }
        };
        rooms.iter().for_each(|door| look(*door, true));
        let mut left = Vec::new();
        for passed in self.ring.changes_above(covered) {
            if passed.effect.on(present.user).is_some() && !rooms.contains(&passed.room) && !left.contains(&passed.room)
            {
                left.push(passed.room);
                look(passed.room, false);
            }
        }
        if let Some(own) = self.roster.find_door(Circle::Own(present.user)) {
            let events = self.ring.visible(present.user, true, self.roster.room(own).last, covered);
            let wanted = |at: &Position| {
                let conversation = self.ring.get(*at).map(|passed| passed.event.event.conversation);
                only.is_none_or(|only| conversation == Some(only))
            };
            positions.extend(events.filter(wanted));
        }
        positions.sort_unstable();
        Some(positions)
    }
}
