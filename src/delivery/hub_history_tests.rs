//! The hub over histories that nobody thought of, and under two threads.

use super::*;
use crate::ids::Position;
use proptest::prelude::*;
use std::sync::atomic::{AtomicI64, Ordering};

const USERS: usize = 3;
const ROOMS: usize = 3;

/// A history of the log from position 1, with what is true of it.
struct History {
    events: Vec<Arc<Event>>,
    /// For each user, the memberships that it made.
    memberships: Vec<Vec<Standing>>,
}

/// One step: the room, and what happens there. A step that cannot happen is a message.
#[derive(Clone, Debug)]
enum Step {
    Message(usize),
    /// The users that were members leave, the others join.
    Toggle(usize, Vec<usize>),
    End(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..ROOMS).prop_map(Step::Message),
        4 => (0..ROOMS, proptest::sample::subsequence((0..USERS).collect::<Vec<_>>(), 1..=USERS))
            .prop_map(|(room, users)| Step::Toggle(room, users)),
        1 => (0..ROOMS).prop_map(Step::End),
    ]
}

fn room_of(index: usize) -> ConversationId {
    room(index as u128 + 1)
}

fn user_of(index: &usize) -> UserId {
    user(*index as u128 + 1)
}

impl History {
    fn of(steps: &[Step]) -> Self {
        let mut history = Self { events: Vec::new(), memberships: vec![Vec::new(); USERS] };
        steps.iter().for_each(|step| history.happen(step));
        history
    }

    fn happen(&mut self, step: &Step) {
        let position = self.events.len() as i64 + 1;
        match step {
            Step::Message(at) => self.events.push(message(position, room_of(*at))),
            Step::End(at) => {
                (0..USERS).for_each(|user| self.leave(user, room_of(*at), position));
                self.events.push(change(position, room_of(*at), EventKind::ConversationDeleted, &[]));
            }
            Step::Toggle(at, users) => {
                let room = room_of(*at);
                let (leaving, joining): (Vec<usize>, Vec<usize>) =
                    users.iter().copied().partition(|user| self.is_member(*user, room));
                if !leaving.is_empty() {
                    leaving.iter().for_each(|user| self.leave(*user, room, position));
                    self.events.push(left(position, room, &leaving.iter().map(user_of).collect::<Vec<_>>()));
                }
                if !joining.is_empty() {
                    let position = self.events.len() as i64 + 1;
                    joining.iter().for_each(|user| self.join(*user, room, position));
                    self.events.push(joined(position, room, &joining.iter().map(user_of).collect::<Vec<_>>()));
                }
            }
        }
    }

    fn join(&mut self, user: usize, room: ConversationId, position: i64) {
        let standing = Standing { conversation: room, joined_at: Position(position), left_at: None };
        self.memberships[user].push(standing);
    }

    fn is_member(&self, user: usize, room: ConversationId) -> bool {
        self.memberships[user].iter().any(|standing| standing.conversation == room && standing.left_at.is_none())
    }

    fn leave(&mut self, user: usize, room: ConversationId, position: i64) {
        let open = |standing: &&mut Standing| standing.conversation == room && standing.left_at.is_none();
        if let Some(standing) = self.memberships[user].iter_mut().find(open) {
            standing.left_at = Some(Position(position));
        }
    }

    /// What the database shows of a user's memberships when the head of the log is at `head`.
    fn standings(&self, user: usize, head: i64) -> Standings {
        let known = self.memberships[user].iter().filter(|standing| standing.joined_at.0 <= head);
        let as_of = |standing: &Standing| Standing {
            left_at: standing.left_at.filter(|left_at| left_at.0 <= head),
            ..*standing
        };
        Standings { head: cursor(head), memberships: known.map(as_of).collect() }
    }

    /// The events of a user above `after`: those that lie inside the user's memberships.
    fn expected(&self, user: usize, after: i64) -> Vec<i64> {
        let mine = |event: &&Arc<Event>| {
            self.memberships[user].iter().any(|standing| {
                standing.conversation == event.conversation
                    && standing.joined_at <= event.position
                    && standing.left_at.is_none_or(|left_at| left_at >= event.position)
            })
        };
        self.events.iter().filter(mine).map(|event| event.position.0).filter(|position| *position > after).collect()
    }
}

proptest! {
    #[test]
    fn whenever_clients_come_and_whatever_they_read_first_they_get_what_lies_in_their_memberships(
        steps in proptest::collection::vec(step(), 1..60),
        // User, where the hub is when they come, and the head when they read their memberships.
        clients in proptest::collection::vec((0..USERS, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6),
        floor in any::<prop::sample::Index>(),
    ) {
        let history = History::of(&steps);
        let floor = floor.index(history.events.len()) as i64;
        let hub = Hub::new(cursor(floor), 20);
        let place = |index: prop::sample::Index| floor + index.index(history.events.len() + 1 - floor as usize) as i64;
        let clients: Vec<_> = clients.into_iter().map(|(user, at, head)| (user, place(at), place(head))).collect();
        let mut queues = Vec::new();
        for position in floor..=history.events.len() as i64 {
            if position > floor {
                hub.publish(EPOCH, &history.events[position as usize - 1..position as usize]);
            }
            for (user, at, head) in clients.iter().filter(|(_, at, _)| *at == position) {
                queues.push((*user, *at, subscribe(&hub, subscriber(user_of(user)), &history.standings(*user, *head))));
            }
        }
        for (user, at, queue) in queues {
            prop_assert_eq!(taken(&queue), history.expected(user, at));
        }
    }
}

#[test]
fn who_sees_a_position_published_finds_all_events_up_to_it_in_the_queue() {
    const LAST: i64 = 20_000;
    let hub = Hub::new(cursor(0), 20);
    let queue = subscribe(&hub, subscriber(user(1)), &member_of(&[room(1)], 0));
    let read = AtomicI64::new(0);
    let publish = || {
        let batches = (1..=LAST).map(|position| message(position, room(1))).collect::<Vec<_>>();
        for batch in batches.chunks(50) {
            // No more waits than fits, else the queue would close.
            while batch[0].position.0 - read.load(Ordering::Acquire) > 150 {
                std::thread::yield_now();
            }
            hub.publish(EPOCH, batch);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(publish);
        let mut seen = 0;
        while seen < LAST {
            let published = hub.published().position.0;
            for position in taken(&queue) {
                assert_eq!(position, seen + 1);
                seen = position;
            }
            // A failure must not keep the other thread waiting.
            read.store(if seen < published { LAST } else { seen }, Ordering::Release);
            assert!(seen >= published, "{published} was published, {seen} is the last in the queue");
        }
    });
}
