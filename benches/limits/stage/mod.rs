//! Who sends and who receives, in the words of the server that they do it with.

pub mod longwave;
mod others;

pub use others::stage as other;

/// A receiver.
#[derive(Clone)]
pub struct Seat {
    pub room: u32,
    /// The request that opens its stream.
    pub stream: Vec<u8>,
    /// The line by which the server tells that it is open; none if the head is all.
    pub opening: Option<&'static [u8]>,
    /// What a long poll authenticates with.
    pub token: String,
}

impl Seat {
    /// The request that opens the stream again, after what was read.
    pub fn resume(&self, cursor: &str) -> Vec<u8> {
        let mut request = self.stream[..self.stream.len() - 2].to_vec();
        request.extend_from_slice(format!("Last-Event-ID: {cursor}\r\n\r\n").as_bytes());
        request
    }
}

/// A sender's connection.
#[derive(Clone)]
pub struct PosterPlan {
    /// The rooms that it posts to in turn, and the heads of the requests, up to the body.
    pub rooms: Vec<(u32, Vec<u8>)>,
}

/// Receivers and rooms.
pub struct Stage {
    pub seats: Vec<Seat>,
    /// For each room the heads of its senders' requests, in turn.
    pub heads: Vec<Vec<u8>>,
}

/// The shape of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One conversation that so many listen to.
    Crowd(u32),
    /// So many conversations with one receiver each.
    Pairs(u32),
    /// So many who only wait. Longwave's have no conversation; those of others share a room.
    Idle(u32),
    /// So many who only wait, each in [`CONVERSATIONS`] conversations of [`MEMBERS`].
    Members(u32),
}

/// Conversations of each of [`Shape::Members`].
pub const CONVERSATIONS: u32 = 50;
/// Members of each of these conversations.
pub const MEMBERS: u32 = 100;

impl Shape {
    pub fn rooms(self) -> u32 {
        match self {
            Self::Crowd(_) | Self::Idle(_) | Self::Members(_) => 1,
            Self::Pairs(rooms) => rooms,
        }
    }

    /// The room of each seat.
    pub fn seats(self) -> Box<dyn Iterator<Item = u32>> {
        match self {
            Self::Crowd(seats) | Self::Idle(seats) | Self::Members(seats) => Box::new((0..seats).map(|_| 0)),
            Self::Pairs(rooms) => Box::new(0..rooms),
        }
    }
}

impl Stage {
    /// So many connections that share the rooms; those that are left without one all get the first.
    pub fn poster_plans(&self, count: usize) -> Vec<PosterPlan> {
        let rooms = self.heads.iter().cloned().zip(0..).map(|(head, room)| (room, head));
        let mut plans = vec![PosterPlan { rooms: Vec::new() }; count];
        for (room, head) in rooms {
            plans[room as usize % count].rooms.push((room, head));
        }
        for plan in plans.iter_mut().filter(|plan| plan.rooms.is_empty()) {
            plan.rooms.push((0, self.heads[0].clone()));
        }
        plans
    }
}
