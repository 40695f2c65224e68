//! Who has come and gone here since it was last written.

use crate::delivery::core::reports::ClientReport;
use crate::ids::{ConnectionId, SessionId, UserId};
use crate::store::Transport;
use crate::store::connections::{ConnectionChanges, OpenedConnection};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long who polls counts as connected after a poll: the next one may be on its way.
const POLLER_KEPT: Duration = Duration::from_secs(20);
/// Most rows that are written at once. What a statement takes in memory, its connection keeps.
const MAX_BATCH_ROWS: usize = 1_000;

/// Whether more waits than was written.
pub fn is_full(batch: &ConnectionChanges) -> bool {
    batch.came.len().max(batch.went.len()) >= MAX_BATCH_ROWS
}

/// A client that polls, by whose it is: its polls come and go, and it stays.
type PollerKey = (UserId, Option<SessionId>);

struct Poller {
    arrival: OpenedConnection,
    /// Polls that wait.
    waiting: u32,
    /// When there was last one.
    seen_at: Instant,
}

/// Who has come and gone. Who has done both is nobody's report.
#[derive(Default)]
pub struct ConnectionTracker {
    came: HashMap<ConnectionId, OpenedConnection>,
    went: Vec<ConnectionId>,
    /// Who was here before the node entered itself anew.
    known: Vec<OpenedConnection>,
    pollers: HashMap<PollerKey, Poller>,
}

impl ConnectionTracker {
    /// Takes in what the hub tells.
    pub fn take_in(&mut self, report: ClientReport, now: Instant) {
        match report {
            ClientReport::Connected(arrival) if arrival.transport == Transport::Poll => self.begin_poll(arrival, now),
            ClientReport::Connected(arrival) => self.connect(arrival),
            ClientReport::Disconnected(arrival) if arrival.transport == Transport::Poll => {
                if let Some(poller) = self.pollers.get_mut(&(arrival.user, arrival.session)) {
                    (poller.waiting, poller.seen_at) = (poller.waiting.saturating_sub(1), now);
                }
            }
            ClientReport::Disconnected(arrival) => self.disconnect(arrival.id),
            ClientReport::AllStreams(streams) => {
                (self.came, self.went) = (HashMap::new(), Vec::new());
                self.known = streams;
                self.known.extend(self.pollers.values().map(|poller| poller.arrival));
            }
            ClientReport::Delivered(..) => {}
        }
    }

    /// What is to be written.
    pub fn take(&mut self, now: Instant) -> ConnectionChanges {
        self.expire_pollers(now);
        if !self.known.is_empty() {
            let rest = self.known.split_off(self.known.len().min(MAX_BATCH_ROWS));
            return ConnectionChanges { came: std::mem::replace(&mut self.known, rest), went: Vec::new(), known: true };
        }
        let rest = self.went.split_off(self.went.len().min(MAX_BATCH_ROWS));
        let went = std::mem::replace(&mut self.went, rest);
        let came = if self.came.len() <= MAX_BATCH_ROWS {
            std::mem::take(&mut self.came).into_values().collect()
        } else {
            self.came.extract_if(|_, _| true).take(MAX_BATCH_ROWS).map(|(_, arrival)| arrival).collect()
        };
        ConnectionChanges { came, went, known: false }
    }

    fn begin_poll(&mut self, arrival: OpenedConnection, now: Instant) {
        let poller = self.pollers.entry((arrival.user, arrival.session)).or_insert_with(|| {
            self.came.insert(arrival.id, arrival);
            Poller { arrival, waiting: 0, seen_at: now }
        });
        poller.waiting += 1;
    }

    fn expire_pollers(&mut self, now: Instant) {
        let mut gone = Vec::new();
        self.pollers.retain(|_, poller| {
            let stays = poller.waiting > 0 || now.saturating_duration_since(poller.seen_at) < POLLER_KEPT;
            if !stays {
                gone.push(poller.arrival.id);
            }
            stays
        });
        gone.into_iter().for_each(|id| self.disconnect(id));
    }

    fn connect(&mut self, arrival: OpenedConnection) {
        self.came.insert(arrival.id, arrival);
    }

    fn disconnect(&mut self, id: ConnectionId) {
        if self.came.remove(&id).is_none() {
            self.went.push(id);
        }
    }
}

#[cfg(test)]
#[path = "tests/connection_tracker.rs"]
mod tests;
