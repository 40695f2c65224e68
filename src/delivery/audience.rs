//! Who of this node's clients gets what: all that the hub knows, and nothing that waits.
//!
//! One thread owns it ([`super::reactor`]), so there is no lock and no race: whatever is told happens in one order. A
//! subscription that has not got all of the past reads pages from the log up to where the [`Ring`] begins, takes the rest
//! from there, and is live in the same breath.

use super::close::Close;
use super::ephemeral::Ephemera;
use super::hub::Counts;
use super::membership::Effect;
use super::question::{Ask, Knowledge};
use super::ring::{Door, Passed, Ring};
use super::roster::{Circle, Key, ROOM, Roster};
use super::subscription::{Newcomer, Phase, Poll, Question, Receiver, Subscription};
use crate::ids::{Epoch, Position, SessionId, UserId};
use crate::log::{Cursor, Event};
use crate::shutdown::ShutdownGuard;
use crate::store::EventKind;
use crate::wire::{Encoded, MessageData};
use slab::Slab;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After how much silence a heartbeat comes: proxies cut what is silent for 30 s or more.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// Whether a session or its user has ended.
pub type Gate = Box<dyn Fn(UserId, Option<SessionId>) -> bool + Send>;

/// A poll that is over.
pub struct Answered {
    pub poll: Box<Poll>,
    pub events: Vec<Arc<Encoded>>,
    pub covered: Cursor,
    pub more: bool,
    pub close: Option<Close>,
    /// Keeps shutdown waiting until the answer is given.
    pub held: ShutdownGuard,
}

/// Lets the cursor of a subscription be judged anew: the log has another history, or no longer all of what comes next.
pub(super) fn rebase(subscription: &mut Subscription, key: Key, now: Instant) -> Option<Ask> {
    if subscription.closed.is_some() {
        return None;
    }
    subscription.phase = Phase::Waiting(Question::Judgement, now);
    subscription.unread = None;
    Some(Ask::Judgement(key, subscription.subscriber.id, subscription.covered))
}

/// Everybody who receives here, and what they get.
pub struct Audience {
    pub(super) head: Cursor,
    pub(super) ring: Ring,
    pub(super) roster: Roster,
    pub(super) subscriptions: Slab<Subscription>,
    /// Those that something can be done for, each at most once.
    pub(super) line: VecDeque<Key>,
    /// Polls that are over.
    pub(super) answered: Vec<Answered>,
    /// Memberships that were read ahead of the hub.
    pub(super) ahead: Vec<Knowledge>,
    pub(super) ephemera: Ephemera,
    pub(super) ask: Box<dyn Fn(Ask) + Send>,
    gate: Gate,
    streams_per_user: usize,
    draining: bool,
    /// As of the last sweep.
    counts: Counts,
}

impl Audience {
    /// Makes an audience of nobody, at `head`. Questions to PostgreSQL go to `ask`, which does not wait.
    pub fn new(head: Cursor, streams_per_user: usize, gate: Gate, ask: impl Fn(Ask) + Send + 'static) -> Self {
        Self {
            head,
            ring: Ring::new(head.position),
            roster: Roster::default(),
            subscriptions: Slab::with_capacity(ROOM),
            line: VecDeque::new(),
            answered: Vec::new(),
            ahead: Vec::new(),
            ephemera: Ephemera::default(),
            ask: Box::new(ask),
            gate,
            streams_per_user,
            draining: false,
            counts: Counts::default(),
        }
    }

    /// How far the log was published here.
    pub fn head(&self) -> Cursor {
        self.head
    }

    /// All events above it are in memory.
    pub fn floor(&self) -> Position {
        self.ring.floor()
    }

    /// How many receive here, as of the last sweep.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether nothing can be done for anybody.
    pub fn is_idle(&self) -> bool {
        self.line.is_empty() && self.answered.is_empty()
    }

    /// The polls that are over.
    pub fn take_answered(&mut self) -> Vec<Answered> {
        std::mem::take(&mut self.answered)
    }

    /// A subscription.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut Subscription> {
        self.subscriptions.get_mut(key as usize)
    }

    /// Takes a client in. What has ended meanwhile ends at once.
    pub fn admit(&mut self, newcomer: Newcomer, now: Instant) -> Key {
        let subscriber = newcomer.subscriber;
        if matches!(newcomer.receiver, Receiver::Stream { .. }) {
            self.make_room(subscriber.user, now);
        }
        self.tell_came(&subscriber, &newcomer.receiver);
        let entry = self.subscriptions.vacant_entry();
        let key = entry.key() as Key;
        let seat = self.roster.arrive(subscriber.user, key);
        let epoch = newcomer.epoch;
        let subscription = entry.insert(Subscription::new(newcomer, seat, now));
        if epoch != self.head.epoch {
            let ask = rebase(subscription, key, now);
            ask.into_iter().for_each(&self.ask);
        }
        if (self.gate)(subscriber.user, subscriber.session) {
            subscription.close(Close::Revoked, self.head, now);
        } else if self.draining {
            subscription.close(Close::Draining, self.head, now);
        }
        self.queue(key);
        key
    }

    /// Takes in the next events of the log: whoever is live has them waiting from now on.
    pub fn publish(&mut self, epoch: Epoch, events: &[Arc<Event>], now: Instant) {
        for event in events {
            self.pass(Arc::new(Encoded::new(event.clone())), now);
        }
        if let Some(last) = events.last() {
            self.head = Cursor { epoch, position: last.position };
        }
        while let Some(evicted) = self.ring.evict() {
            self.roster.evicted(evicted.room, evicted.event.event.position);
        }
        for knowledge in std::mem::take(&mut self.ahead) {
            self.know(knowledge, now);
        }
    }

    /// Goes on from `head`, where another history of the log begins: nothing that was known holds.
    pub fn rebase(&mut self, head: Cursor, now: Instant) {
        let before = std::mem::replace(&mut self.head, head);
        self.ring = Ring::new(head.position);
        self.roster.forget_all_rooms();
        self.ahead.clear();
        self.forget_receipts();
        for (key, subscription) in &mut self.subscriptions {
            if subscription.phase == Phase::Live && subscription.pending.is_empty() && subscription.closed.is_none() {
                subscription.cover(before);
            }
            subscription.forget_pending();
            let ask = rebase(subscription, key as Key, now);
            ask.into_iter().for_each(&self.ask);
        }
        self.queue_all();
    }

    /// Ends every subscription, and, where the node is draining, those that come.
    pub fn close_all(&mut self, reason: Close, now: Instant) {
        self.draining |= reason == Close::Draining;
        let head = self.head;
        self.subscriptions.iter_mut().for_each(|(_, subscription)| subscription.close(reason, head, now));
        self.queue_all();
    }

    /// Ends the subscriptions of sessions and users that have ended.
    pub fn close_the_ended(&mut self, now: Instant) {
        let head = self.head;
        let gate = &self.gate;
        let mut ended = Vec::new();
        for (key, subscription) in &mut self.subscriptions {
            if gate(subscription.subscriber.user, subscription.subscriber.session) {
                subscription.close(Close::Revoked, head, now);
                ended.push(key as Key);
            }
        }
        ended.into_iter().for_each(|key| self.queue(key));
    }

    /// Does what time asks for: ends, heartbeats, and letting go of who is gone.
    pub fn sweep(&mut self, now: Instant) {
        let head = self.head;
        let (mut due, mut gone) = (Vec::new(), Vec::new());
        let mut counts = Counts::default();
        for (key, subscription) in &mut self.subscriptions {
            let (until, reason) = subscription.subscriber.until;
            // A poll first looks at what it missed, however long that takes.
            if now >= until && (subscription.phase == Phase::Live || reason != Close::Waited) {
                subscription.close(reason, head, now);
            }
            if subscription.is_overdue(now) || subscription.is_gone() {
                gone.push(key as Key);
                continue;
            }
            *(if subscription.is_stream() { &mut counts.streams } else { &mut counts.polls }) += 1;
            // Not all in one breath: what is written to all at the same time would be so for ever after.
            let early = Duration::from_millis(key as u64 % 64 * 15);
            if now.saturating_duration_since(subscription.written_at) >= HEARTBEAT - early {
                subscription.beat();
            }
            if subscription.is_too_slow(now) {
                subscription.close(Close::Slow, head, now);
            }
            if subscription.wants_a_turn() {
                due.push(key as Key);
            }
        }
        gone.into_iter().for_each(|key| drop(self.remove(key, now)));
        due.into_iter().for_each(|key| self.queue(key));
        self.roster.forget_the_absent(now);
        self.counts = counts;
        self.tell_changes();
        self.forget_awaited(now);
    }

    /// Forgets a subscription, and with it its connection.
    pub fn remove(&mut self, key: Key, now: Instant) -> Option<Subscription> {
        let subscription = self.subscriptions.try_remove(key as usize)?;
        self.roster.depart(subscription.seat, key, now);
        self.tell_went(&subscription);
        self.remember(&subscription);
        Some(subscription)
    }

    /// Puts a subscription into the line.
    pub fn queue(&mut self, key: Key) {
        if let Some(subscription) = self.subscriptions.get_mut(key as usize)
            && !std::mem::replace(&mut subscription.queued, true)
        {
            self.line.push_back(key);
        }
    }

    fn pass(&mut self, event: Arc<Encoded>, now: Instant) {
        let conversation = event.event.conversation;
        let room = self.roster.door(Circle::of(&event.event));
        let effect = Effect::of(&event.event);
        self.blank(room, &event.event);
        self.let_in(room, &effect);
        for key in self.roster.listeners(room) {
            let Some(subscription) = self.subscriptions.get_mut(key as usize) else { continue };
            let wanted = subscription.subscriber.only.is_none_or(|only| only == conversation);
            if wanted && subscription.offer(&event, self.head, now) {
                self.line.push_back(key);
            }
        }
        self.let_out(room, &effect);
        let previous = self.roster.pass(room, event.event.position);
        self.head = event.event.cursor();
        self.ring.push(Passed { event, room, previous, effect });
    }

    /// Blanks in memory what an event deletes, and drops what was read ahead and may hold it.
    fn blank(&mut self, room: Door, event: &Event) {
        match (event.kind, event.message) {
            (EventKind::MessageDeleted, Some(message)) => {
                if let Some(created) = MessageData::place(event) {
                    self.ring.blank_message(message, created.position);
                }
            }
            (EventKind::ConversationDeleted, _) => self.ring.blank_room(self.roster.room(room).last),
            _ => return,
        }
        self.subscriptions.iter_mut().for_each(|(_, subscription)| subscription.unread = None);
    }

    /// Lets those enter who get an event, and what comes after it.
    pub(super) fn let_in(&mut self, room: Door, effect: &Effect) {
        if let Effect::Join(users) = effect {
            users.iter().for_each(|user| self.roster.enter(room, *user));
        }
    }

    /// Lets those leave who get nothing more.
    pub(super) fn let_out(&mut self, room: Door, effect: &Effect) {
        match effect {
            Effect::Leave(users) => users.iter().for_each(|user| self.roster.leave(room, *user)),
            Effect::End => self.roster.empty(room),
            Effect::Join(_) | Effect::None => {}
        }
    }

    /// Ends the user's oldest streams, so that one more fits.
    fn make_room(&mut self, user: UserId, now: Instant) {
        let Some(seat) = self.roster.seat(user) else { return };
        let open = |key: &Key| {
            let subscription = self.subscriptions.get(*key as usize);
            subscription.is_some_and(|subscription| subscription.is_stream() && subscription.closed.is_none())
        };
        // They stand in the order in which they came.
        let streams: Vec<_> = self.roster.user(seat).subscriptions.iter().copied().filter(open).collect();
        for key in &streams[..(streams.len() + 1).saturating_sub(self.streams_per_user)] {
            if let Some(subscription) = self.subscriptions.get_mut(*key as usize) {
                subscription.close(Close::Replaced, self.head, now);
            }
            self.queue(*key);
        }
    }

    fn queue_all(&mut self) {
        for (key, subscription) in &mut self.subscriptions {
            if !std::mem::replace(&mut subscription.queued, true) {
                self.line.push_back(key as Key);
            }
        }
    }
}

#[cfg(test)]
#[path = "audience_tests.rs"]
mod tests;
