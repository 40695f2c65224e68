//! The dispatcher over histories that nobody thought of.

use super::*;
use proptest::prelude::*;
use proptest::sample::Index;

const USERS: usize = 3;
const ROOMS: usize = 3;

/// A history of the log from position 1, with what is true of it.
struct History {
    events: Vec<Arc<Event>>,
    /// For each user, the memberships that it made: where, from when, until when.
    memberships: Vec<Vec<(ConversationId, i64, Option<i64>)>>,
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
        8 => (0..ROOMS).prop_map(Step::Message),
        8 => (0..ROOMS, proptest::sample::subsequence((0..USERS).collect::<Vec<_>>(), 1..=USERS))
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

    fn head(&self) -> i64 {
        self.events.len() as i64
    }

    fn happen(&mut self, step: &Step) {
        let position = self.head() + 1;
        match step {
            Step::Message(at) => self.events.push(message(position, room_of(*at))),
            Step::End(at) => {
                (0..USERS).for_each(|user| self.leave(user, room_of(*at), position));
                self.events.push(deleted(position, room_of(*at)));
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
                    let position = self.head() + 1;
                    joining.iter().for_each(|user| self.memberships[*user].push((room, position, None)));
                    self.events.push(joined(position, room, &joining.iter().map(user_of).collect::<Vec<_>>()));
                }
            }
        }
    }

    fn is_member(&self, user: usize, room: ConversationId) -> bool {
        self.memberships[user].iter().any(|(at, _, left_at)| *at == room && left_at.is_none())
    }

    fn leave(&mut self, user: usize, room: ConversationId, position: i64) {
        if let Some((.., left_at)) =
            self.memberships[user].iter_mut().find(|(at, _, left_at)| *at == room && left_at.is_none())
        {
            *left_at = Some(position);
        }
    }

    /// What PostgreSQL tells of a user's memberships when the head of the log is at `head`.
    fn knowledge(&self, user: usize, head: Cursor) -> UserMemberships {
        let at = head.position.0;
        let open = |joined_at: i64, left_at: Option<i64>| joined_at <= at && left_at.is_none_or(|left_at| left_at > at);
        let rooms = self.memberships[user].iter().filter(|(_, joined_at, left_at)| open(*joined_at, *left_at));
        let open = rooms.map(|(room, ..)| *room).collect();
        let ended = self.memberships[user].iter().filter_map(|(.., left_at)| *left_at).filter(|left_at| *left_at <= at);
        let known = KnownMemberships { open, ended: ended.map(Position).collect() };
        UserMemberships { head, users: vec![(user_of(&user), known)] }
    }

    /// The events of a user above `after`: those that lie inside the user's memberships.
    fn expected(&self, user: usize, only: Option<ConversationId>, after: i64) -> Vec<i64> {
        let within = |event: &Event, (room, joined_at, left_at): &(ConversationId, i64, Option<i64>)| {
            let at = event.position.0;
            *room == event.conversation && *joined_at <= at && left_at.is_none_or(|left_at| at <= left_at)
        };
        let mine = |event: &&Arc<Event>| {
            event.position.0 > after
                && only.is_none_or(|only| only == event.conversation)
                && self.memberships[user].iter().any(|membership| within(event, membership))
        };
        self.events.iter().filter(mine).map(|event| event.position.0).collect()
    }
}

/// A client: whose, what for, from where, and how many writes it takes before it must read.
#[derive(Clone, Debug)]
struct Visit {
    user: usize,
    only: Option<usize>,
    from: Index,
    /// Whether its cursor was judged long ago.
    judged_long_ago: bool,
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    /// With how many writes that it takes before it must read.
    Stream(usize),
    /// One after the other, with this limit.
    Polls(usize),
}

fn visit() -> impl Strategy<Value = Visit> {
    let way = prop_oneof![(1..3_usize).prop_map(Way::Stream), (1..5_usize).prop_map(Way::Polls)];
    let only = proptest::option::weighted(0.2, 0..ROOMS);
    let judged = proptest::bool::weighted(0.2);
    (0..USERS, only, any::<Index>(), judged, way).prop_map(|(user, only, from, judged_long_ago, way)| Visit {
        user,
        only,
        from,
        judged_long_ago,
        way,
    })
}

/// What happens at the hub.
#[derive(Clone, Debug)]
enum Move {
    Publish(usize),
    Come(Visit),
    Serve(usize),
    /// Which question is answered, as of which head of the log, with a page of how many events at most.
    Answer(Index, Index, usize),
    Read(Index),
    Sweep,
    Close(CloseReason),
    /// Another epoch begins, or there is a gap, so many events further on.
    Rebase(bool, usize),
}

fn move_() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => (1..6_usize).prop_map(Move::Publish),
        2 => visit().prop_map(Move::Come),
        4 => (1..6_usize).prop_map(Move::Serve),
        4 => (any::<Index>(), any::<Index>(), 1..6_usize).prop_map(|(which, head, limit)| Move::Answer(which, head, limit)),
        3 => any::<Index>().prop_map(Move::Read),
        1 => Just(Move::Sweep),
        1 => proptest::sample::select(vec![CloseReason::Rotate, CloseReason::Unavailable]).prop_map(Move::Close),
        1 => (any::<bool>(), 0..3_usize).prop_map(|(gap, skipped)| Move::Rebase(gap, skipped)),
    ]
}

struct Client {
    visit: Visit,
    from: i64,
    end: Receiving,
    seen: Vec<i64>,
}

enum Receiving {
    Stream(Stream),
    /// The poll that waits, and what the ones before have covered.
    Polls(Polling, i64),
}

struct Play<'a> {
    stage: Stage,
    history: &'a History,
    /// Where the hub began.
    floor: i64,
    asked: Vec<(Asked, Epoch)>,
    clients: Vec<Client>,
}

impl Play<'_> {
    fn go(&mut self, step: &Move) {
        match step {
            Move::Publish(count) => self.publish(*count),
            Move::Come(visit) => self.come(visit),
            Move::Serve(count) => {
                (0..*count).all(|_| self.stage.dispatcher.serve(self.stage.now));
            }
            Move::Answer(which, head, limit) => {
                self.listen();
                if !self.asked.is_empty() {
                    let asked = self.asked.swap_remove(which.index(self.asked.len()));
                    // Now and then from so long ago that it is not good.
                    let oldest = self.floor.max(1) - 1;
                    let head = oldest + head.index((self.history.head() - oldest) as usize + 1) as i64;
                    self.answer(asked, head, *limit);
                }
            }
            Move::Read(which) => {
                if !self.clients.is_empty() {
                    self.read(which.index(self.clients.len()));
                }
            }
            Move::Sweep => self.stage.dispatcher.sweep(self.stage.now),
            Move::Close(reason) => self.stage.dispatcher.close_all(*reason, self.stage.now),
            Move::Rebase(gap, skipped) => {
                let head = self.stage.dispatcher.head();
                let position = (head.position.0 + *skipped as i64).min(self.history.head());
                self.stage
                    .dispatcher
                    .rebase(cursor_of(Epoch(head.epoch.0 + i64::from(!gap)), position), self.stage.now);
                self.floor = position;
            }
        }
    }

    fn publish(&mut self, count: usize) {
        let from = self.stage.dispatcher.head().position.0 as usize;
        let upto = (from + count).min(self.history.events.len());
        self.stage.publish(&self.history.events[from..upto]);
    }

    fn come(&mut self, visit: &Visit) {
        let head = self.stage.dispatcher.head();
        let from = visit.from.index(head.position.0 as usize + 1) as i64;
        // Judged under the present epoch, or the first one.
        let epoch = if visit.judged_long_ago { EPOCH } else { head.epoch };
        let end = self.open(visit, cursor_of(epoch, from));
        self.clients.push(Client { visit: visit.clone(), from, end, seen: Vec::new() });
    }

    fn open(&mut self, visit: &Visit, from: Cursor) -> Receiving {
        let only = visit.only.map(room_of);
        let subscriber = Subscriber { only, ..self.stage.subscriber(user_of(&visit.user)) };
        match visit.way {
            Way::Stream(capacity) => Receiving::Stream(self.stage.stream_of(subscriber, Framing::Sse, capacity, from)),
            Way::Polls(limit) => Receiving::Polls(self.stage.poll(subscriber, limit, from), from.position.0),
        }
    }

    /// Notes what was asked, and under which epoch it will be answered.
    fn listen(&mut self) {
        let epoch = self.stage.dispatcher.head().epoch;
        self.asked.extend(self.stage.asked().into_iter().map(|asked| (asked, epoch)));
    }

    fn answer(&mut self, (asked, epoch): (Asked, Epoch), head: i64, limit: usize) {
        match asked {
            Asked::Memberships(user) => {
                let user = user.0.as_u128() as usize - 1;
                self.stage
                    .dispatcher
                    .take_memberships(self.history.knowledge(user, cursor_of(epoch, head)), self.stage.now);
            }
            Asked::Page(wish) => self.turn(&wish, limit),
            Asked::Judgement(key, id, from) => {
                self.stage.dispatcher.take_judgement(key, id, StartPoint { from, epoch }, None, self.stage.now);
            }
        }
    }

    fn turn(&mut self, wish: &PageWish, limit: usize) {
        let user = wish.user.0.as_u128() as usize - 1;
        let mut found = self.history.expected(user, wish.only, wish.covered.position.0);
        found.retain(|position| *position <= wish.upto.position.0);
        let limit = wish.limit.unwrap_or(limit);
        let more = found.len() > limit;
        found.truncate(limit);
        let reached = found.last().copied().filter(|_| more).unwrap_or(wish.upto.position.0);
        let events: Vec<_> = found.iter().map(|position| self.history.events[*position as usize - 1].clone()).collect();
        self.stage.take_page(wish, &events, reached, more);
    }

    /// Lets a client take what is there for it, and poll on.
    fn read(&mut self, index: usize) {
        // Nothing is in the line that is not after a turn.
        self.stage.answer_polls();
        let Client { visit, end, seen, .. } = &mut self.clients[index];
        let (covered, visit) = match end {
            Receiving::Stream(stream) => {
                let mut told = stream.read();
                let end = told.pop_if(|told| matches!(told, Told::End(..)));
                seen.extend(positions(told));
                let Some(Told::End(_, covered)) = end else { return };
                // It has all up to there: it comes back with that cursor.
                (covered, visit.clone())
            }
            Receiving::Polls(poll, from) => {
                let Some(got) = poll.got() else { return };
                check(self.history, visit, *from, &got);
                seen.extend(got.events);
                (got.covered, visit.clone())
            }
        };
        let epoch = self.stage.dispatcher.head().epoch;
        self.clients[index].end = self.open(&visit, Cursor { epoch, ..covered });
    }

    /// Publishes the rest, and goes on until nobody gets anything more.
    fn finish(&mut self) {
        self.publish(usize::MAX >> 1);
        let head = self.history.head();
        let mut quiet = 0;
        while quiet < 2 {
            let before: usize = self.clients.iter().map(|client| client.seen.len()).sum();
            self.stage.dispatcher.sweep(self.stage.now);
            self.stage.serve();
            self.listen();
            let asked = std::mem::take(&mut self.asked);
            let answered = asked.len();
            asked.into_iter().for_each(|asked| self.answer(asked, head, 5));
            self.stage.serve();
            (0..self.clients.len()).for_each(|index| self.read(index));
            let after: usize = self.clients.iter().map(|client| client.seen.len()).sum();
            quiet = if answered == 0 && after == before { quiet + 1 } else { 0 };
        }
    }
}

/// What an answer covers is in it, and only the limit cuts it.
fn check(history: &History, visit: &Visit, from: i64, got: &Got) {
    let Way::Polls(limit) = visit.way else { unreachable!("it is a poll's") };
    let covered = got.covered.position.0;
    let mut expected = history.expected(visit.user, visit.only.map(room_of), from);
    expected.retain(|position| *position <= covered);
    assert_eq!(got.events, expected, "in ({from}, {covered}]");
    assert!(got.events.len() <= limit && (!got.more || got.events.len() == limit));
    assert!(if got.close.is_some() { got.events.is_empty() } else { covered > from });
}

proptest! {
    #[test]
    fn clients_get_exactly_the_events_in_their_memberships_whatever_the_order_of_things(
        steps in proptest::collection::vec(step(), 1..60),
        moves in proptest::collection::vec(move_(), 1..120),
        floor in any::<Index>(),
        // Room in the ring for how many events, more or less.
        narrow in proptest::option::of(1..20_usize),
    ) {
        let history = History::of(&steps);
        let floor = floor.index(history.events.len()) as i64;
        let mut stage = Stage::of(floor, usize::MAX);
        if let Some(events) = narrow {
            stage.dispatcher.recent.ring_mut().narrow(events * 1_250);
        }
        let mut play = Play { stage, history: &history, floor, asked: Vec::new(), clients: Vec::new() };
        moves.iter().for_each(|step| play.go(step));
        play.finish();
        for Client { visit, from, seen, .. } in play.clients {
            prop_assert_eq!(seen, history.expected(visit.user, visit.only.map(room_of), from), "{:?}", visit);
        }
    }
}
