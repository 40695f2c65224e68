//! Who of this node's clients gets what.

use super::membership::{Effect, Passed};
use super::queue::{Close, Queue};
use super::ring::Ring;
use crate::ids::{ConnectionId, ConversationId, Epoch, SessionId, UserId};
use crate::log::read::Standings;
use crate::log::{Cursor, Event};
use crate::wire::Encoded;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How a client receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Stream,
    Poll,
}

/// A client that wants to receive.
#[derive(Clone, Debug)]
pub struct Subscriber {
    pub id: ConnectionId,
    pub user: UserId,
    pub session: Option<SessionId>,
    pub transport: Transport,
    /// Only this conversation.
    pub only: Option<ConversationId>,
    /// When it must end, because its token does.
    pub expires_at: Instant,
    /// When it is sent away for its age.
    pub rotates_at: Option<Instant>,
    /// Cuts its connection.
    pub cut: CancellationToken,
}

/// A node's hub. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// How far the log was published here, and under which epoch.
    published: watch::Sender<Cursor>,
    /// What somebody waited for last.
    wanted: watch::Sender<Cursor>,
    streams_per_user: usize,
}

struct State {
    ring: Ring,
    subscribers: HashMap<ConnectionId, Registered>,
    users: HashMap<UserId, Present>,
    /// The users of `users` that are members.
    rooms: HashMap<ConversationId, HashSet<UserId>>,
}

struct Registered {
    subscriber: Subscriber,
    queue: Arc<Queue>,
    /// Whether it receives.
    attached: bool,
}

/// A user with subscriptions here.
#[derive(Default)]
struct Present {
    connections: Vec<ConnectionId>,
    rooms: HashSet<ConversationId>,
}

impl Hub {
    /// Makes a hub that has published up to `head`.
    pub fn new(head: Cursor, streams_per_user: usize) -> Self {
        let state = State {
            ring: Ring::new(head.position),
            subscribers: HashMap::new(),
            users: HashMap::new(),
            rooms: HashMap::new(),
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            published: watch::Sender::new(head),
            wanted: watch::Sender::new(head),
            streams_per_user,
        }))
    }

    /// How far the log was published here.
    pub fn published(&self) -> Cursor {
        *self.0.published.borrow()
    }

    /// Waits until the log was published here up to `head`, under its epoch.
    pub async fn reached(&self, head: Cursor) {
        let mut published = self.0.published.subscribe();
        let reached = |at: &Cursor| at.epoch == head.epoch && at.position >= head.position;
        if !reached(&self.published()) {
            self.0.wanted.send_replace(head);
        }
        // The hub itself holds the sender.
        let _ = published.wait_for(reached).await;
    }

    /// Changes when somebody waits for what was not published yet.
    pub(super) fn wanted(&self) -> watch::Receiver<Cursor> {
        self.0.wanted.subscribe()
    }

    /// Puts the next events of the log into the queues of those who get them.
    pub(super) fn publish(&self, epoch: Epoch, events: &[Arc<Event>]) {
        let Some(last) = events.last() else { return };
        let mut state = self.lock();
        for event in events {
            state.publish(&Arc::new(Encoded::new(event.clone())));
        }
        // Only now: who sees this position finds all events up to it in their queue.
        self.0.published.send_replace(Cursor { epoch, position: last.position });
    }

    /// Goes on from `head`, where another history of the log begins: nothing that was known holds.
    pub(super) fn rebase(&self, head: Cursor) {
        let mut state = self.lock();
        state.ring = Ring::new(head.position);
        state.users.clear();
        state.rooms.clear();
        state.close_where(Close::Rebased, head, |_| true);
        self.0.published.send_replace(head);
    }

    /// Takes a client in: from now on it can be told to end. It receives nothing yet.
    pub(super) fn enlist(&self, subscriber: Subscriber) -> Arc<Queue> {
        let mut state = self.lock();
        if subscriber.transport == Transport::Stream {
            state.make_room(subscriber.user, self.0.streams_per_user, self.published());
        }
        let queue = Arc::new(Queue::default());
        state.users.entry(subscriber.user).or_default().connections.push(subscriber.id);
        let registered = Registered { queue: queue.clone(), attached: false, subscriber };
        state.subscribers.insert(registered.subscriber.id, registered);
        queue
    }

    /// Lets a client receive what is published after the position that it answers; `None` when `standings` are too old
    /// and must be read again.
    pub(super) fn attach(&self, id: ConnectionId, standings: &Standings) -> Option<Cursor> {
        let mut state = self.lock();
        let at = self.published();
        if at.epoch != standings.head.epoch {
            return None;
        }
        let user = state.subscribers.get(&id)?.subscriber.user;
        let rooms = state.ring.memberships(user, &standings.memberships, standings.head.position, at.position)?;
        state.attach(id, user, rooms);
        Some(at)
    }

    /// Forgets a client.
    pub(super) fn unregister(&self, id: ConnectionId) {
        self.lock().remove(id);
    }

    /// Ends the subscriptions that `ends` says.
    pub fn close_where(&self, reason: Close, ends: impl Fn(&Subscriber) -> bool) {
        let state = self.lock();
        state.close_where(reason, self.published(), ends);
    }

    /// Ends the subscriptions whose time has come.
    pub(super) fn sweep(&self, now: Instant) {
        self.close_where(Close::Expired, |subscriber| subscriber.expires_at <= now);
        self.close_where(Close::Rotate, |subscriber| subscriber.rotates_at.is_some_and(|at| at <= now));
        let state = self.lock();
        state.cut_the_stalled();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn publish(&mut self, event: &Arc<Encoded>) {
        let room = event.event.conversation;
        let passed = Passed::of(&event.event);
        if let Some(Effect::Join(users)) = passed.as_ref().map(|passed| &passed.effect) {
            users.iter().for_each(|user| self.enter(room, *user));
        }
        self.deliver(event);
        match passed.as_ref().map(|passed| &passed.effect) {
            Some(Effect::Leave(users)) => users.iter().for_each(|user| self.exit(room, *user)),
            Some(Effect::End) => {
                for user in self.rooms.get(&room).into_iter().flatten().copied().collect::<Vec<_>>() {
                    self.exit(room, user);
                }
            }
            Some(Effect::Join(_) | Effect::None) | None => {}
        }
        if let Some(passed) = passed {
            self.ring.push(passed);
        }
    }

    fn deliver(&self, event: &Arc<Encoded>) {
        let members = self.rooms.get(&event.event.conversation).into_iter().flatten();
        for id in members.filter_map(|user| self.users.get(user)).flat_map(|present| &present.connections) {
            if let Some(Registered { subscriber, queue, attached: true }) = self.subscribers.get(id)
                && subscriber.only.is_none_or(|only| only == event.event.conversation)
            {
                queue.push(event);
            }
        }
    }

    fn enter(&mut self, room: ConversationId, user: UserId) {
        if let Some(present) = self.users.get_mut(&user) {
            present.rooms.insert(room);
            self.rooms.entry(room).or_default().insert(user);
        }
    }

    fn exit(&mut self, room: ConversationId, user: UserId) {
        if let Some(present) = self.users.get_mut(&user) {
            present.rooms.remove(&room);
        }
        self.leave_room(room, user);
    }

    fn leave_room(&mut self, room: ConversationId, user: UserId) {
        if let Some(members) = self.rooms.get_mut(&room) {
            members.remove(&user);
            if members.is_empty() {
                self.rooms.remove(&room);
            }
        }
    }

    fn attach(&mut self, id: ConnectionId, user: UserId, rooms: HashSet<ConversationId>) {
        let present = self.users.entry(user).or_default();
        // Only what was entered since the first connection came, or the same again.
        let before = std::mem::replace(&mut present.rooms, rooms.clone());
        if !present.connections.contains(&id) {
            present.connections.push(id);
        }
        before.difference(&rooms).for_each(|room| self.leave_room(*room, user));
        for room in rooms {
            self.rooms.entry(room).or_default().insert(user);
        }
        if let Some(registered) = self.subscribers.get_mut(&id) {
            registered.attached = true;
        }
    }

    fn remove(&mut self, id: ConnectionId) {
        let Some(registered) = self.subscribers.remove(&id) else { return };
        let user = registered.subscriber.user;
        let Some(present) = self.users.get_mut(&user) else { return };
        present.connections.retain(|connection| *connection != id);
        if present.connections.is_empty() {
            let rooms = std::mem::take(&mut present.rooms);
            self.users.remove(&user);
            rooms.into_iter().for_each(|room| self.leave_room(room, user));
        }
    }

    /// Ends the user's oldest streams, so that one more fits.
    fn make_room(&self, user: UserId, most: usize, upto: Cursor) {
        let connections = self.users.get(&user).map(|present| present.connections.as_slice()).unwrap_or_default();
        let open = |id: &&ConnectionId| {
            self.subscribers.get(id).is_some_and(|registered| {
                registered.subscriber.transport == Transport::Stream && registered.queue.closed().is_none()
            })
        };
        let streams: Vec<_> = connections.iter().filter(open).collect();
        // Connections stand in the order in which they came.
        for id in streams.iter().take((streams.len() + 1).saturating_sub(most)) {
            if let Some(registered) = self.subscribers.get(id) {
                registered.queue.close(Close::Replaced, upto);
            }
        }
    }

    /// Cuts the clients that were told to end and do not read it.
    fn cut_the_stalled(&self) {
        for registered in self.subscribers.values().filter(|registered| registered.queue.is_overdue()) {
            registered.subscriber.cut.cancel();
        }
    }

    fn close_where(&self, reason: Close, upto: Cursor, ends: impl Fn(&Subscriber) -> bool) {
        for registered in self.subscribers.values().filter(|registered| ends(&registered.subscriber)) {
            registered.queue.close(reason, upto);
        }
    }
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
