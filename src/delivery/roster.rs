//! Who of the users that are here is a member of what.
//!
//! Users and conversations are numbered, so that a membership takes two numbers of four bytes: thousands of clients with
//! dozens of conversations each must fit.

use super::ring::Door;
use crate::ids::{ConversationId, Position, UserId};
use crate::log::Event;
use slab::Slab;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Where a user stands in the roster.
pub type Seat = u32;
/// Where a subscription stands in the audience.
pub type Key = u32;

/// How long a user without subscriptions is remembered: a client that polls is back by then.
const ABSENCE: Duration = Duration::from_secs(60);

/// A user with subscriptions here, or who had some a moment ago.
pub struct Present {
    pub user: UserId,
    /// The conversations where the user is a member, as of the hub's head; `None` while they are not known.
    pub rooms: Option<Vec<Door>>,
    /// Whether PostgreSQL is being asked for them.
    pub asked: bool,
    /// In the order in which they came.
    pub subscriptions: Vec<Key>,
    /// Since when there are none.
    absent_since: Option<Instant>,
}

/// Whose events stand in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Circle {
    /// Those of a conversation that all its members get.
    Conversation(ConversationId),
    /// Those that one user alone gets, of all conversations. Such a room has no members: its user is in it by being here.
    Own(UserId),
}

impl Circle {
    /// Who gets an event.
    pub fn of(event: &Event) -> Self {
        event.only_for.map_or(Self::Conversation(event.conversation), Self::Own)
    }
}

/// A circle that has members here, or events in the ring.
pub struct Room {
    circle: Circle,
    members: Vec<Seat>,
    /// Its last event in the ring.
    pub last: Position,
}

/// Users and subscriptions that there is room for from the start. Room that is not used takes no memory; room that was too
/// small is left behind when a larger one is moved into.
pub const ROOM: usize = 65_536;

/// Everybody who is here.
pub struct Roster {
    users: Slab<Present>,
    seats: HashMap<UserId, Seat>,
    rooms: Slab<Room>,
    doors: HashMap<Circle, Door>,
}

impl Default for Roster {
    fn default() -> Self {
        Self {
            users: Slab::with_capacity(ROOM),
            seats: HashMap::with_capacity(ROOM),
            rooms: Slab::new(),
            doors: HashMap::new(),
        }
    }
}

impl Roster {
    /// The user at a seat.
    ///
    /// # Panics
    /// The seat is empty: it is kept as long as the user has subscriptions.
    pub fn user(&self, seat: Seat) -> &Present {
        &self.users[seat as usize]
    }

    /// The seat of a user, if they are here.
    pub fn seat(&self, user: UserId) -> Option<Seat> {
        self.seats.get(&user).copied()
    }

    /// The room behind a door.
    ///
    /// # Panics
    /// There is none: it is kept as long as it has members here or events in the ring.
    pub fn room(&self, door: Door) -> &Room {
        &self.rooms[door as usize]
    }

    /// Seats a user with one subscription more.
    pub fn arrive(&mut self, user: UserId, key: Key) -> Seat {
        let seat = *self.seats.entry(user).or_insert_with(|| {
            let present = Present { user, rooms: None, asked: false, subscriptions: Vec::new(), absent_since: None };
            self.users.insert(present) as Seat
        });
        let present = &mut self.users[seat as usize];
        present.subscriptions.push(key);
        present.absent_since = None;
        seat
    }

    /// Takes a subscription away from a user.
    pub fn depart(&mut self, seat: Seat, key: Key, now: Instant) {
        let present = &mut self.users[seat as usize];
        present.subscriptions.retain(|other| *other != key);
        if present.subscriptions.is_empty() {
            present.absent_since = Some(now);
        }
    }

    /// Notes that PostgreSQL is asked where a user is a member; answers whether it was not yet.
    pub fn ask(&mut self, seat: Seat) -> bool {
        !std::mem::replace(&mut self.users[seat as usize].asked, true)
    }

    /// Notes that the question was not answered.
    pub fn unask(&mut self, seat: Seat) {
        self.users[seat as usize].asked = false;
    }

    /// Learns of all memberships of a user.
    pub fn learn(&mut self, seat: Seat, conversations: impl ExactSizeIterator<Item = ConversationId>) {
        self.forget_rooms(seat);
        let mut rooms = Vec::with_capacity(conversations.len());
        for conversation in conversations {
            let door = self.door(Circle::Conversation(conversation));
            self.rooms[door as usize].members.push(seat);
            rooms.push(door);
        }
        let present = &mut self.users[seat as usize];
        present.rooms = Some(rooms);
        present.asked = false;
    }

    /// Lets a user enter a room, if their memberships are known.
    pub fn enter(&mut self, door: Door, user: UserId) {
        let Some(seat) = self.seat(user) else { return };
        if let Some(rooms) = &mut self.users[seat as usize].rooms
            && !rooms.contains(&door)
        {
            rooms.push(door);
            self.rooms[door as usize].members.push(seat);
        }
    }

    /// Lets a user leave a room.
    pub fn leave(&mut self, door: Door, user: UserId) {
        let Some(seat) = self.seat(user) else { return };
        if let Some(rooms) = &mut self.users[seat as usize].rooms {
            rooms.retain(|room| *room != door);
            self.rooms[door as usize].lose(seat);
        }
    }

    /// Lets everybody leave a room.
    pub fn empty(&mut self, door: Door) {
        for seat in std::mem::take(&mut self.rooms[door as usize].members) {
            if let Some(rooms) = &mut self.users[seat as usize].rooms {
                rooms.retain(|room| *room != door);
            }
        }
    }

    /// The subscriptions of those here who get what passes in a room.
    pub fn listeners(&self, door: Door) -> impl Iterator<Item = Key> {
        let room = &self.rooms[door as usize];
        let own = match room.circle {
            Circle::Own(user) => self.seat(user),
            Circle::Conversation(_) => None,
        };
        let seats = room.members.iter().copied().chain(own);
        seats.flat_map(|seat| self.users[seat as usize].subscriptions.iter().copied())
    }

    /// The members of a room that are here.
    pub fn members(&self, door: Door) -> &[Seat] {
        &self.rooms[door as usize].members
    }

    /// The door of a circle, which is made if there is none.
    pub fn door(&mut self, circle: Circle) -> Door {
        let rooms = &mut self.rooms;
        let make = || rooms.insert(Room { circle, members: Vec::new(), last: Position::ZERO }) as Door;
        *self.doors.entry(circle).or_insert_with(make)
    }

    /// The door of a circle, if it has one.
    pub fn find_door(&self, circle: Circle) -> Option<Door> {
        self.doors.get(&circle).copied()
    }

    /// Notes the last event of a room; answers the one before it.
    pub fn pass(&mut self, door: Door, position: Position) -> Position {
        std::mem::replace(&mut self.rooms[door as usize].last, position)
    }

    /// Forgets the room of an event that has left the ring, if it was the last one and nobody is here.
    pub fn evicted(&mut self, door: Door, position: Position) {
        let room = &mut self.rooms[door as usize];
        if room.last == position {
            room.last = Position::ZERO;
            self.close_if_empty(door);
        }
    }

    /// Forgets who has been absent for long.
    pub fn forget_the_absent(&mut self, now: Instant) {
        let gone = |(_, present): &(usize, &Present)| {
            present.absent_since.is_some_and(|since| now.saturating_duration_since(since) >= ABSENCE)
        };
        let seats: Vec<_> = self.users.iter().filter(gone).map(|(seat, _)| seat as Seat).collect();
        for seat in seats {
            self.forget_rooms(seat);
            self.seats.remove(&self.users.remove(seat as usize).user);
        }
    }

    /// Forgets all that is known of rooms: another history of the log begins.
    pub fn forget_all_rooms(&mut self) {
        self.rooms = Slab::new();
        self.doors = HashMap::new();
        self.users.iter_mut().for_each(|(_, present)| (present.rooms, present.asked) = (None, false));
    }

    fn forget_rooms(&mut self, seat: Seat) {
        for door in self.users[seat as usize].rooms.take().unwrap_or_default() {
            self.rooms[door as usize].lose(seat);
            self.close_if_empty(door);
        }
    }

    fn close_if_empty(&mut self, door: Door) {
        let room = &self.rooms[door as usize];
        if room.members.is_empty() && room.last == Position::ZERO {
            self.doors.remove(&self.rooms.remove(door as usize).circle);
        }
    }

    #[cfg(test)]
    pub fn sizes(&self) -> (usize, usize) {
        (self.users.len(), self.rooms.len())
    }
}

impl Room {
    fn lose(&mut self, seat: Seat) {
        if let Some(index) = self.members.iter().position(|member| *member == seat) {
            self.members.swap_remove(index);
        }
    }
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
