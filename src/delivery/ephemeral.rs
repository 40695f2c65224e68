//! What this node's clients are told live only: who types, who has come or gone. And what the node is told of them: who
//! comes and goes here.
//!
//! An ephemeral event goes to the streams that are live and keep up, and is dropped for all others: it never closes one,
//! and moves no place in the log.

use super::audience::Audience;
use super::receipts::Receipts;
use super::ring::Door;
use super::roster::Circle;
use super::roster::Key;
use super::subscription::{Phase, Receiver, Subscriber, Subscription};
use crate::ids::{ConversationId, UserId};
use crate::log::Cursor;
use crate::store::Transport;
use crate::store::connections::OpenedConnection;
use crate::wire::{Ephemeral, Framing};
use std::collections::{HashMap, VecDeque};

/// Pieces that may wait for a client when an ephemeral event comes for it.
const MOST_PIECES: usize = 256;
/// Ephemeral events that are put out at once, a tenth of a second apart: when thousands come or go together, what is told
/// of it must not keep messages waiting.
const BUDGET: usize = 2_000;
/// Changes of presence that may wait for their turn.
const MOST_CHANGES: usize = 20_000;
/// Members of a conversation that are here, above which nobody is told by it who comes and goes: each would be told of
/// each other.
const CROWD: usize = 50;

/// What the node is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A client has come.
    Came(OpenedConnection),
    /// A client has gone.
    Went(OpenedConnection),
    /// All streams that are here.
    Everybody(Vec<OpenedConnection>),
    /// A client of this user has been handed the message at this place, which somebody waits for.
    Handed(Cursor, UserId),
}

/// Somebody types.
pub struct Typing {
    pub conversation: ConversationId,
    pub user: UserId,
    pub event: Ephemeral,
}

/// Somebody has come or gone.
pub struct Change {
    pub user: UserId,
    /// Where they are a member.
    pub rooms: Vec<ConversationId>,
    pub event: Ephemeral,
}

/// What an audience keeps for all this.
#[derive(Default)]
pub struct Ephemera {
    tell: Option<Box<dyn Fn(News) + Send>>,
    /// The last change of each user, and in which order they came.
    changes: HashMap<UserId, Change>,
    order: VecDeque<UserId>,
    pub(super) receipts: Receipts,
}

impl Ephemera {
    pub(super) fn tell(&self, news: News) {
        if let Some(tell) = &self.tell {
            tell(news);
        }
    }
}

fn arrival(subscriber: &Subscriber, receiver: &Receiver) -> OpenedConnection {
    let transport = match receiver {
        Receiver::Stream { framing: Framing::Sse, .. } => Transport::Sse,
        Receiver::Stream { framing: Framing::Ndjson, .. } => Transport::Ndjson,
        Receiver::Poll(_) => Transport::Poll,
    };
    OpenedConnection { id: subscriber.id, user: subscriber.user, session: subscriber.session, transport }
}

impl Audience {
    /// Tells from now on who comes and goes. `tell` must not wait.
    pub fn tell_news(&mut self, tell: impl Fn(News) + Send + 'static) {
        self.ephemera.tell = Some(Box::new(tell));
    }

    pub(super) fn tell_came(&self, subscriber: &Subscriber, receiver: &Receiver) {
        self.ephemera.tell(News::Came(arrival(subscriber, receiver)));
    }

    pub(super) fn tell_went(&self, gone: &Subscription) {
        self.ephemera.tell(News::Went(arrival(&gone.subscriber, &gone.receiver)));
    }

    /// Tells of all streams that are here.
    pub fn recount(&self) {
        let streams = self.subscriptions.iter().filter(|(_, subscription)| subscription.is_stream());
        let arrivals = streams.map(|(_, stream)| arrival(&stream.subscriber, &stream.receiver));
        self.ephemera.tell(News::Everybody(arrivals.collect()));
    }

    /// Tells the members of a conversation who are here that somebody types. The typist's own streams are not told.
    pub fn whisper(&mut self, typing: &Typing) {
        let Some(door) = self.roster.find_door(Circle::Conversation(typing.conversation)) else { return };
        for key in self.roster.listeners(door).collect::<Vec<_>>() {
            self.hear(key, &typing.event, |listener| {
                listener.user != typing.user && listener.only.is_none_or(|only| only == typing.conversation)
            });
        }
    }

    /// Takes in who has come or gone; those who are here and share a conversation with them are told in turn.
    pub fn change(&mut self, changes: Vec<Change>) {
        for change in changes {
            let user = change.user;
            if self.ephemera.changes.insert(user, change).is_none() {
                self.ephemera.order.push_back(user);
            }
        }
        while self.ephemera.order.len() > MOST_CHANGES {
            if let Some(oldest) = self.ephemera.order.pop_front() {
                self.ephemera.changes.remove(&oldest);
            }
        }
    }

    /// Tells of some of those who have come or gone.
    pub(super) fn tell_changes(&mut self) {
        let mut told = 0;
        while told < BUDGET
            && let Some(user) = self.ephemera.order.pop_front()
        {
            if let Some(change) = self.ephemera.changes.remove(&user) {
                told += self.tell_change(&change);
            }
        }
        if self.ephemera.order.is_empty() {
            self.ephemera.order = VecDeque::new();
            self.ephemera.changes = HashMap::new();
        }
    }

    fn tell_change(&mut self, change: &Change) -> usize {
        let doors = change.rooms.iter().filter_map(|room| self.roster.find_door(Circle::Conversation(*room)));
        let doors: Vec<Door> = doors.filter(|door| self.roster.members(*door).len() <= CROWD).collect();
        let mut seats: Vec<_> = doors.iter().flat_map(|door| self.roster.members(*door)).copied().collect();
        seats.sort_unstable();
        seats.dedup();
        let keys = seats.iter().flat_map(|seat| self.roster.user(*seat).subscriptions.iter().copied());
        let keys: Vec<Key> = keys.collect();
        for key in &keys {
            self.hear(*key, &change.event, |listener| {
                listener.user != change.user && listener.only.is_none_or(|only| change.rooms.contains(&only))
            });
        }
        // Who is looked at costs, too.
        keys.len() + 1
    }

    fn hear(&mut self, key: Key, event: &Ephemeral, wanted: impl FnOnce(&Subscriber) -> bool) {
        if let Some(subscription) = self.subscriptions.get_mut(key as usize)
            && wanted(&subscription.subscriber)
            && subscription.hear(event)
        {
            self.line.push_back(key);
        }
    }

    #[cfg(test)]
    pub fn changes_waiting(&self) -> usize {
        self.ephemera.order.len()
    }
}

impl Subscription {
    /// Puts an ephemeral event into what is written next, if it is a stream that keeps up; answers whether something can be
    /// done now that could not before.
    fn hear(&mut self, event: &Ephemeral) -> bool {
        let Receiver::Stream { framing, outlet } = &self.receiver else { return false };
        let waiting = self.out.len() + self.pending.len();
        if self.phase != Phase::Live || self.closed.is_some() || self.blocked || waiting >= MOST_PIECES {
            return false;
        }
        self.out.push_back(outlet.bytes(event.framed(*framing)));
        !std::mem::replace(&mut self.queued, true)
    }
}
