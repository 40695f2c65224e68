use super::queue::QueuedSend;
use crate::ids::WriteId;
use crate::log::event::NewEvent;
use std::collections::HashSet;

/// The most events of one batch. More gain nothing and make other nodes wait.
const MAX_BATCH_EVENTS: usize = 1_000;

/// The most bytes of payloads of one batch, but for a single event: the log's lock is held while they are written.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Sends that go to PostgreSQL together. No id stands in it twice, so that each is compared with the log alone.
#[derive(Default)]
pub struct SendBatch {
    pub sends: Vec<QueuedSend>,
    ids: HashSet<WriteId>,
    bytes: usize,
}

impl SendBatch {
    /// Whether a send may be added, or the batch must end before it.
    pub fn takes(&self, send: &QueuedSend) -> bool {
        let fits = self.sends.len() < MAX_BATCH_EVENTS && self.bytes + send.event.payload.0.len() <= MAX_BATCH_BYTES;
        self.sends.is_empty() || fits && !self.ids.contains(&send.event.key.id)
    }

    /// Adds a send.
    pub fn add(&mut self, send: QueuedSend) {
        self.ids.insert(send.event.key.id);
        self.bytes += send.event.payload.0.len();
        self.sends.push(send);
    }

    /// The events, in order.
    pub fn events(&self) -> Vec<&NewEvent> {
        self.sends.iter().map(|send| &send.event).collect()
    }
}
