//! Which of the users on this node are members of what, and which subscriptions they have.

use super::membership::MembershipEffect;
use crate::delivery::core::slots::{SubscriptionKey, TopicSlot, UserSlot};
use crate::ids::{ConversationId, Position, UserId};
use crate::log::Event;
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How long the memberships of a user without subscriptions are kept: a client that polls is back by then.
const MEMBERSHIPS_KEPT: Duration = Duration::from_secs(60);

/// Users and subscriptions that the tables have space for from the start. Untouched space takes no memory; a table that
/// grows leaves its old space behind.
pub const INITIAL_CAPACITY: usize = 65_536;

/// A user with subscriptions on this node, or who had some a moment ago.
pub struct LocalUser {
    pub id: UserId,
    /// The conversations where the user is a member at the head; `None` while they are not known.
    pub topics: Option<Vec<TopicSlot>>,
    /// Ends of conversations in the ring at which the user was a member; other positions may be among them.
    ended: Vec<Position>,
    /// Whether PostgreSQL is being asked for them.
    is_queried: bool,
    /// In the order in which they were opened.
    pub subscriptions: Vec<SubscriptionKey>,
    absent_since: Option<Instant>,
    /// Whether the user stands in the queue of absent users.
    is_absence_queued: bool,
}

impl LocalUser {
    /// The positions of the ring at which conversations ended whose member the user was; others may be among them.
    pub fn ended(&self) -> &[Position] {
        &self.ended
    }
}

/// What an event is published to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TopicKey {
    /// The events of a conversation that all its members get.
    Conversation(ConversationId),
    /// The events of all conversations that one user alone gets. It has no members: its user gets them by being here.
    Own(UserId),
}

impl TopicKey {
    /// The topic of an event.
    pub fn of(event: &Event) -> Self {
        event.only_for.map_or(Self::Conversation(event.conversation), Self::Own)
    }
}

/// A topic that has members here, or events in the ring.
struct Topic {
    key: TopicKey,
    members: Vec<UserSlot>,
    /// Its last event in the ring.
    last: Position,
}

/// The users on this node and their topics.
pub struct Topics {
    users: Slab<LocalUser>,
    user_slots: HashMap<UserId, UserSlot>,
    /// Users who have or had no subscription, each once, with the time at which that is looked at.
    absent: VecDeque<(Instant, UserSlot)>,
    topics: Slab<Topic>,
    topic_slots: HashMap<TopicKey, TopicSlot>,
    /// Users that were looked at because of the time.
    #[cfg(test)]
    pub checks: usize,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            users: Slab::with_capacity(INITIAL_CAPACITY),
            user_slots: HashMap::with_capacity(INITIAL_CAPACITY),
            absent: VecDeque::new(),
            topics: Slab::new(),
            topic_slots: HashMap::new(),
            #[cfg(test)]
            checks: 0,
        }
    }
}

impl Topics {
    /// The user in a slot.
    ///
    /// # Panics
    /// The slot is empty. A user keeps it for as long as they have subscriptions.
    pub fn user(&self, user: UserSlot) -> &LocalUser {
        &self.users[user as usize]
    }

    /// The slot of a user, if they are on this node.
    pub fn find_user(&self, user: UserId) -> Option<UserSlot> {
        self.user_slots.get(&user).copied()
    }

    /// The position of a topic's last event in the ring; zero if it has none there.
    pub fn last(&self, topic: TopicSlot) -> Position {
        self.topics[topic as usize].last
    }

    /// Adds a subscription to a user.
    pub fn subscribe(&mut self, user: UserId, key: SubscriptionKey) -> UserSlot {
        let users = &mut self.users;
        let slot = *self.user_slots.entry(user).or_insert_with(|| {
            users.insert(LocalUser {
                id: user,
                topics: None,
                ended: Vec::new(),
                is_queried: false,
                subscriptions: Vec::new(),
                absent_since: None,
                is_absence_queued: false,
            }) as UserSlot
        });
        let user = &mut self.users[slot as usize];
        user.subscriptions.push(key);
        user.absent_since = None;
        slot
    }

    /// Takes a subscription away from a user.
    pub fn unsubscribe(&mut self, slot: UserSlot, key: SubscriptionKey, now: Instant) {
        let user = &mut self.users[slot as usize];
        user.subscriptions.retain(|other| *other != key);
        if user.subscriptions.is_empty() {
            user.absent_since = Some(now);
            if !std::mem::replace(&mut user.is_absence_queued, true) {
                self.absent.push_back((now + MEMBERSHIPS_KEPT, slot));
            }
        }
    }

    /// Notes that PostgreSQL is asked for a user's memberships; returns false if it was being asked already.
    pub fn begin_query(&mut self, user: UserSlot) -> bool {
        !std::mem::replace(&mut self.users[user as usize].is_queried, true)
    }

    /// Notes that the query for a user's memberships brought nothing usable.
    pub fn end_query(&mut self, user: UserSlot) {
        self.users[user as usize].is_queried = false;
    }

    /// Sets all memberships of a user: the conversations where they are a member, and the positions of the ring at which
    /// others ended.
    pub fn set_memberships(&mut self, user: UserSlot, conversations: &[ConversationId], ended: &[Position]) {
        self.forget_memberships(user);
        let mut topics = Vec::with_capacity(conversations.len());
        for conversation in conversations {
            let topic = self.slot(TopicKey::Conversation(*conversation));
            self.topics[topic as usize].members.push(user);
            topics.push(topic);
        }
        let user = &mut self.users[user as usize];
        user.topics = Some(topics);
        user.ended = ended.to_vec();
        user.is_queried = false;
    }

    /// Adds the members that an event adds: they get the event itself.
    pub fn add_members(&mut self, topic: TopicSlot, effect: &MembershipEffect) {
        if let MembershipEffect::Join(users) = effect {
            users.iter().for_each(|user| self.join(topic, *user));
        }
    }

    /// Removes the members that an event at `position` removes: they have got the event itself, and get nothing after it.
    /// The ring begins above `floor`.
    pub fn remove_members(&mut self, topic: TopicSlot, effect: &MembershipEffect, position: Position, floor: Position) {
        match effect {
            MembershipEffect::Leave(users) => users.iter().for_each(|user| self.leave(topic, *user)),
            MembershipEffect::End => self.remove_all_members(topic, position, floor),
            MembershipEffect::Join(_) | MembershipEffect::None => {}
        }
    }

    /// Adds a member whose other memberships are known. Of anybody else nothing is kept: they are read as a whole.
    fn join(&mut self, topic: TopicSlot, user: UserId) {
        let Some(user) = self.find_user(user) else { return };
        if let Some(topics) = &mut self.users[user as usize].topics
            && !topics.contains(&topic)
        {
            topics.push(topic);
            self.topics[topic as usize].members.push(user);
        }
    }

    fn leave(&mut self, topic: TopicSlot, user: UserId) {
        let Some(user) = self.find_user(user) else { return };
        if let Some(topics) = &mut self.users[user as usize].topics {
            topics.retain(|other| *other != topic);
            self.topics[topic as usize].remove(user);
        }
    }

    fn remove_all_members(&mut self, topic: TopicSlot, position: Position, floor: Position) {
        for user in std::mem::take(&mut self.topics[topic as usize].members) {
            let user = &mut self.users[user as usize];
            if let Some(topics) = &mut user.topics {
                topics.retain(|other| *other != topic);
            }
            user.ended.retain(|end| *end > floor && *end != position);
            user.ended.push(position);
        }
    }

    /// The subscriptions on this node that get what is published to a topic.
    pub fn subscribers(&self, topic: TopicSlot) -> impl Iterator<Item = SubscriptionKey> {
        let topic = &self.topics[topic as usize];
        let own = match topic.key {
            TopicKey::Own(user) => self.find_user(user),
            TopicKey::Conversation(_) => None,
        };
        let users = topic.members.iter().copied().chain(own);
        users.flat_map(|user| self.users[user as usize].subscriptions.iter().copied())
    }

    /// The members of a topic that are on this node.
    pub fn members(&self, topic: TopicSlot) -> &[UserSlot] {
        &self.topics[topic as usize].members
    }

    /// The slot of a topic, which is made if there is none.
    pub fn slot(&mut self, key: TopicKey) -> TopicSlot {
        let topics = &mut self.topics;
        let make = || topics.insert(Topic { key, members: Vec::new(), last: Position::ZERO }) as TopicSlot;
        *self.topic_slots.entry(key).or_insert_with(make)
    }

    /// The slot of a topic, if it has one.
    pub fn find(&self, key: TopicKey) -> Option<TopicSlot> {
        self.topic_slots.get(&key).copied()
    }

    /// Sets a topic's last event; returns the one before it.
    pub fn set_last(&mut self, topic: TopicSlot, position: Position) -> Position {
        std::mem::replace(&mut self.topics[topic as usize].last, position)
    }

    /// Takes in that an event of a topic has left the ring.
    pub fn evicted(&mut self, topic: TopicSlot, position: Position) {
        let entry = &mut self.topics[topic as usize];
        if entry.last == position {
            entry.last = Position::ZERO;
            self.remove_if_unused(topic);
        }
    }

    /// Forgets users who have had no subscription for a while.
    pub fn forget_absent_users(&mut self, now: Instant) {
        while let Some((due, slot)) = self.absent.front().copied()
            && due <= now
        {
            self.absent.pop_front();
            #[cfg(test)]
            {
                self.checks += 1;
            }
            let user = &mut self.users[slot as usize];
            match user.absent_since.map(|since| since + MEMBERSHIPS_KEPT) {
                // The user has come back.
                None => user.is_absence_queued = false,
                // The user has come back, and is absent again.
                Some(due) if due > now => self.absent.push_back((due, slot)),
                Some(_) => {
                    self.forget_memberships(slot);
                    self.user_slots.remove(&self.users.remove(slot as usize).id);
                }
            }
        }
    }

    /// Forgets all topics and memberships: another history of the log begins.
    pub fn reset(&mut self) {
        self.topics = Slab::new();
        self.topic_slots = HashMap::new();
        for (_, user) in &mut self.users {
            (user.topics, user.ended, user.is_queried) = (None, Vec::new(), false);
        }
    }

    fn forget_memberships(&mut self, user: UserSlot) {
        for topic in self.users[user as usize].topics.take().unwrap_or_default() {
            self.topics[topic as usize].remove(user);
            self.remove_if_unused(topic);
        }
    }

    fn remove_if_unused(&mut self, topic: TopicSlot) {
        let entry = &self.topics[topic as usize];
        if entry.members.is_empty() && entry.last == Position::ZERO {
            self.topic_slots.remove(&self.topics.remove(topic as usize).key);
        }
    }

    #[cfg(test)]
    pub fn sizes(&self) -> (usize, usize) {
        (self.users.len(), self.topics.len())
    }
}

impl Topic {
    fn remove(&mut self, user: UserSlot) {
        if let Some(index) = self.members.iter().position(|member| *member == user) {
            self.members.swap_remove(index);
        }
    }
}

#[cfg(test)]
#[path = "tests/topics.rs"]
mod tests;
