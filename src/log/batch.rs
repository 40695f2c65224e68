use super::event::NewEvent;
use super::writer::Sending;
use crate::ids::{Epoch, Position, WriteId};
use crate::store::Time;
use std::collections::HashSet;

/// The most events of one batch: more gain nothing and keep the others waiting.
pub const MOST: usize = 1_000;

/// The most bytes of payloads of one batch, but for a single event: the log's lock is held while they are written.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What the append says of each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Appended(Position),
    /// The same request was written before.
    Known(Position),
    /// Another request was written under this id.
    Reused,
    /// The id is somebody else's.
    Taken,
    NotMember,
}

/// A committed batch.
#[derive(Clone, Debug)]
pub struct Batch {
    pub epoch: Epoch,
    pub created_at: Time,
    pub outcomes: Vec<Outcome>,
}

/// Events that go to PostgreSQL together. No id stands in it twice, so that the append judges each against the log.
#[derive(Default)]
pub struct Gathered {
    pub sends: Vec<Sending>,
    ids: HashSet<WriteId>,
    bytes: usize,
}

impl Gathered {
    /// Whether a send may be added, or the batch must end before it.
    pub fn takes(&self, send: &Sending) -> bool {
        let fits = self.sends.len() < MOST && self.bytes + send.event.payload.0.len() <= MOST_BYTES;
        self.sends.is_empty() || fits && !self.ids.contains(&send.event.key.id)
    }

    /// Adds a send.
    pub fn add(&mut self, send: Sending) {
        self.ids.insert(send.event.key.id);
        self.bytes += send.event.payload.0.len();
        self.sends.push(send);
    }

    /// The events, in order.
    pub fn events(&self) -> Vec<&NewEvent> {
        self.sends.iter().map(|send| &send.event).collect()
    }
}
