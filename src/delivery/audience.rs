//! Who of this node's clients gets what: all that the hub knows, and nothing that waits.
//!
//! One thread owns it ([`super::reactor`]), so there is no lock and no race: whatever is told happens in one order. A
//! subscription that has not got all of the past reads pages from the log up to where the [`Ring`] begins, takes the rest
//! from there, and is live in the same breath.

use super::close::Close;
use super::membership::Effect;
use super::question::{Ask, Knowledge, Page, PageWish};
use super::ring::{Door, Passed, Ring};
use super::roster::{Key, ROOM, Roster, Seat};
use super::start::Start;
use super::subscription::{MOST_BYTES, Newcomer, Phase, Poll, Question, Receiver, Subscription};
use crate::ids::{ConnectionId, ConversationId, Epoch, Position, SessionId, UserId};
use crate::log::{Cursor, Event};
use crate::shutdown::Held;
use crate::wire::{Encoded, Reset, ResetCode};
use slab::Slab;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Positions that are taken out of the ring at once for a client that is behind.
const PART: usize = 4_096;
/// After how much silence a heartbeat comes: proxies cut what is silent for 30 s or more.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a stream waits for PostgreSQL to come back.
const SILENCE: Duration = Duration::from_secs(15);

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
    pub held: Held,
}

/// Lets a subscription go over to another history of the log, under which its cursor must be judged anew.
fn rebase(subscription: &mut Subscription, key: Key, now: Instant) -> Option<Ask> {
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
    roster: Roster,
    pub(super) subscriptions: Slab<Subscription>,
    /// Those that something can be done for, each at most once.
    pub(super) line: VecDeque<Key>,
    /// Polls that are over.
    pub(super) answered: Vec<Answered>,
    /// Memberships that were read ahead of the hub.
    ahead: Vec<Knowledge>,
    ask: Box<dyn Fn(Ask) + Send>,
    gate: Gate,
    streams_per_user: usize,
    draining: bool,
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
            ask: Box::new(ask),
            gate,
            streams_per_user,
            draining: false,
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

    /// Learns where users are members.
    pub fn know(&mut self, knowledge: Knowledge, now: Instant) {
        let known = knowledge.head;
        if known.epoch == self.head.epoch && known.position > self.head.position {
            self.ahead.push(knowledge);
            return;
        }
        let usable = known.epoch == self.head.epoch && known.position >= self.ring.floor();
        for (user, conversations) in &knowledge.users {
            match self.roster.seat(*user) {
                Some(seat) if usable => self.roster.learn(seat, conversations.iter().copied()),
                // Too much has passed since: they are asked for anew.
                Some(seat) => self.roster.unask(seat),
                None => {}
            }
        }
        if usable {
            self.replay(known.position);
        }
        self.resume(knowledge.users.iter().map(|(user, _)| *user), now);
    }

    /// Takes in a page of what a subscription missed.
    pub fn turn(&mut self, key: Key, id: ConnectionId, page: Page, now: Instant) {
        let epoch = self.head.epoch;
        let Some(subscription) = self.waiting(key, id, Question::Page) else { return };
        // It may be the answer to a question from before the log's history changed.
        if page.asked.0 != subscription.covered || page.asked.1.epoch != epoch {
            return;
        }
        subscription.phase = Phase::Behind;
        subscription.cover(page.reached);
        subscription.unread = page.unread;
        if !page.events.is_empty() {
            return self.answer(key, page.events, page.more, None, now);
        }
        // The next page is read while this one is written, but for who has not even taken the last one.
        let reads = subscription.out.is_empty();
        subscription.out.extend(page.bytes);
        self.queue(key);
        if page.more && reads {
            self.ask_page(key, now);
        }
    }

    /// Takes in where a subscription goes on under the log's new history.
    pub fn judge(&mut self, key: Key, id: ConnectionId, start: Start, reset: Option<ResetCode>, now: Instant) {
        let epoch = self.head.epoch;
        let Some(subscription) = self.waiting(key, id, Question::Judgement) else { return };
        if start.epoch != epoch {
            let covered = subscription.covered;
            return (self.ask)(Ask::Judgement(key, id, covered));
        }
        let from = start.from;
        if reset.is_none() && from != subscription.covered {
            return;
        }
        subscription.phase = Phase::Behind;
        subscription.covered = from;
        let Some(code) = reset else { return self.queue(key) };
        if let Receiver::Stream { framing, outlet } = &subscription.receiver {
            let cursor = from.to_string();
            let frame = framing.control("reset", &cursor, &Reset { kind: "reset", code, cursor: cursor.clone() });
            let bytes = outlet.bytes(&frame);
            subscription.out.push_back(bytes);
        } else {
            subscription.close(Close::Dead(code), from, now);
        }
        self.queue(key);
    }

    /// Takes in that PostgreSQL did not answer a question about a subscription.
    pub fn fail(&mut self, key: Key, id: ConnectionId, question: Question, now: Instant) {
        let head = self.head;
        let Some(subscription) = self.waiting(key, id, question) else { return };
        let Phase::Waiting(_, since) = subscription.phase else { return };
        if !subscription.is_stream() || now.saturating_duration_since(since) > SILENCE {
            subscription.close(Close::Unavailable, head, now);
            return self.queue(key);
        }
        let covered = subscription.covered;
        match question {
            Question::Page => self.ask_page(key, since),
            Question::Judgement => (self.ask)(Ask::Judgement(key, id, covered)),
            Question::Memberships => self.ask_memberships(key, since),
        }
    }

    /// Takes in that PostgreSQL did not tell where users are members.
    pub fn fail_to_know(&mut self, users: &[UserId], now: Instant) {
        for seat in users.iter().filter_map(|user| self.roster.seat(*user)).collect::<Vec<_>>() {
            self.roster.unask(seat);
            for key in self.roster.user(seat).subscriptions.clone() {
                if let Some(id) = self.subscriptions.get(key as usize).map(|subscription| subscription.subscriber.id) {
                    self.fail(key, id, Question::Memberships, now);
                }
            }
        }
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
    }

    /// Forgets a subscription, and with it its connection.
    pub fn remove(&mut self, key: Key, now: Instant) -> Option<Subscription> {
        let subscription = self.subscriptions.try_remove(key as usize)?;
        self.roster.depart(subscription.seat, key, now);
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
        let only = only.map(|conversation| self.roster.find_door(conversation));
        let wanted = |door: Door| only.is_none_or(|only| only == Some(door));
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
        positions.sort_unstable();
        Some(positions)
    }

    fn pass(&mut self, event: Arc<Encoded>, now: Instant) {
        let conversation = event.event.conversation;
        let room = self.roster.door(conversation);
        let effect = Effect::of(&event.event);
        if let Effect::Join(users) = &effect {
            users.iter().for_each(|user| self.roster.enter(room, *user));
        }
        for key in self.roster.listeners(room) {
            let Some(subscription) = self.subscriptions.get_mut(key as usize) else { continue };
            let wanted = subscription.subscriber.only.is_none_or(|only| only == conversation);
            if wanted && subscription.offer(&event, self.head, now) {
                self.line.push_back(key);
            }
        }
        self.apply(room, &effect);
        let previous = self.roster.pass(room, event.event.position);
        self.head = event.event.cursor();
        self.ring.push(Passed { event, room, previous, effect });
    }

    /// Lets those leave who get nothing more.
    fn apply(&mut self, room: Door, effect: &Effect) {
        match effect {
            Effect::Leave(users) => users.iter().for_each(|user| self.roster.leave(room, *user)),
            Effect::End => self.roster.empty(room),
            Effect::Join(_) | Effect::None => {}
        }
    }

    /// Brings memberships that were read at `known` to where the hub is. For all others, what happened happens again, and
    /// ends as it did.
    fn replay(&mut self, known: Position) {
        let changes: Vec<_> =
            self.ring.changes_above(known).map(|passed| (passed.room, passed.effect.clone())).collect();
        for (room, effect) in changes.into_iter().rev() {
            if let Effect::Join(users) = &effect {
                users.iter().for_each(|user| self.roster.enter(room, *user));
            }
            self.apply(room, &effect);
        }
    }

    /// Lets those go on who waited for what is known, or must be asked for again.
    fn resume(&mut self, users: impl Iterator<Item = UserId>, now: Instant) {
        for seat in users.filter_map(|user| self.roster.seat(user)).collect::<Vec<_>>() {
            for key in self.roster.user(seat).subscriptions.clone() {
                let Some(subscription) = self.subscriptions.get_mut(key as usize) else { continue };
                if matches!(subscription.phase, Phase::Waiting(Question::Memberships, _))
                    && subscription.closed.is_none()
                {
                    subscription.phase = Phase::Behind;
                    self.advance(key, now);
                    self.queue(key);
                }
            }
        }
    }

    /// The subscription of this place and id, if it waits for this.
    fn waiting(&mut self, key: Key, id: ConnectionId, question: Question) -> Option<&mut Subscription> {
        let subscription = self.subscriptions.get_mut(key as usize)?;
        let waits = matches!(subscription.phase, Phase::Waiting(asked, _) if asked == question);
        (subscription.subscriber.id == id && waits && subscription.closed.is_none()).then_some(subscription)
    }

    fn ask_memberships(&mut self, key: Key, since: Instant) {
        let Some(subscription) = self.subscriptions.get_mut(key as usize) else { return };
        subscription.phase = Phase::Waiting(Question::Memberships, since);
        if self.roster.ask(subscription.seat) {
            (self.ask)(Ask::Memberships(subscription.subscriber.user));
        }
    }

    fn ask_page(&mut self, key: Key, since: Instant) {
        let Some(subscription) = self.subscriptions.get_mut(key as usize) else { return };
        subscription.phase = Phase::Waiting(Question::Page, since);
        (self.ask)(Ask::Page(PageWish::of(key, subscription, self.head)));
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
