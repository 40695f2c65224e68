//! Connections of this node that were opened or closed since the table of connections was last written.

use crate::delivery::core::reports::ClientReport;
use crate::ids::{ConnectionId, SessionId, UserId};
use crate::store::Transport;
use crate::store::connections::{ConnectionChanges, OpenedConnection};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a polling client counts as connected after a poll: the next one may be on its way.
const POLLER_KEPT: Duration = Duration::from_secs(20);
/// Rows that are written at once. A connection to PostgreSQL keeps the memory that its largest statement took.
const MAX_BATCH_ROWS: usize = 1_000;

/// Whether more may wait than fits into one batch.
pub fn is_full(batch: &ConnectionChanges) -> bool {
    batch.came.len().max(batch.went.len()) >= MAX_BATCH_ROWS
}

/// What identifies a polling client: its polls open and close connections, and the client stays connected.
type PollerKey = (UserId, Option<SessionId>);

struct Poller {
    opened: OpenedConnection,
    /// Polls that wait.
    waiting: u32,
    /// When a poll ended last.
    seen_at: Instant,
}

/// Connections opened or closed since the last write. One that did both is dropped.
#[derive(Default)]
pub struct ConnectionTracker {
    opened: HashMap<ConnectionId, OpenedConnection>,
    closed: Vec<ConnectionId>,
    /// Connections that were open before the node registered itself anew.
    known: Vec<OpenedConnection>,
    pollers: HashMap<PollerKey, Poller>,
}

impl ConnectionTracker {
    /// Takes in a report of the hub.
    pub fn take_in(&mut self, report: ClientReport, now: Instant) {
        match report {
            ClientReport::Connected(opened) if opened.transport == Transport::Poll => self.begin_poll(opened, now),
            ClientReport::Connected(opened) => self.connect(opened),
            ClientReport::Disconnected(opened) if opened.transport == Transport::Poll => {
                if let Some(poller) = self.pollers.get_mut(&(opened.user, opened.session)) {
                    (poller.waiting, poller.seen_at) = (poller.waiting.saturating_sub(1), now);
                }
            }
            ClientReport::Disconnected(opened) => self.disconnect(opened.id),
            ClientReport::AllStreams(streams) => {
                (self.opened, self.closed) = (HashMap::new(), Vec::new());
                self.known = streams;
                self.known.extend(self.pollers.values().map(|poller| poller.opened));
            }
            ClientReport::Delivered(..) => {}
        }
    }

    /// Takes the next batch to write.
    pub fn take(&mut self, now: Instant) -> ConnectionChanges {
        self.expire_pollers(now);
        if !self.known.is_empty() {
            let rest = self.known.split_off(self.known.len().min(MAX_BATCH_ROWS));
            return ConnectionChanges { came: std::mem::replace(&mut self.known, rest), went: Vec::new(), known: true };
        }
        let rest = self.closed.split_off(self.closed.len().min(MAX_BATCH_ROWS));
        let closed = std::mem::replace(&mut self.closed, rest);
        let opened = if self.opened.len() <= MAX_BATCH_ROWS {
            std::mem::take(&mut self.opened).into_values().collect()
        } else {
            self.opened.extract_if(|_, _| true).take(MAX_BATCH_ROWS).map(|(_, opened)| opened).collect()
        };
        ConnectionChanges { came: opened, went: closed, known: false }
    }

    fn begin_poll(&mut self, opened: OpenedConnection, now: Instant) {
        let poller = self.pollers.entry((opened.user, opened.session)).or_insert_with(|| {
            self.opened.insert(opened.id, opened);
            Poller { opened, waiting: 0, seen_at: now }
        });
        poller.waiting += 1;
    }

    fn expire_pollers(&mut self, now: Instant) {
        let mut gone = Vec::new();
        self.pollers.retain(|_, poller| {
            let stays = poller.waiting > 0 || now.saturating_duration_since(poller.seen_at) < POLLER_KEPT;
            if !stays {
                gone.push(poller.opened.id);
            }
            stays
        });
        gone.into_iter().for_each(|id| self.disconnect(id));
    }

    fn connect(&mut self, opened: OpenedConnection) {
        self.opened.insert(opened.id, opened);
    }

    fn disconnect(&mut self, id: ConnectionId) {
        if self.opened.remove(&id).is_none() {
            self.closed.push(id);
        }
    }
}

#[cfg(test)]
#[path = "tests/connection_tracker.rs"]
mod tests;
