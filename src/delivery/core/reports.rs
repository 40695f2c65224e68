//! Reports to the rest of the node on its clients: who connects and disconnects, and who was sent an awaited message.

use super::subscriptions::receiver::{Receiver, Subscriber};
use crate::ids::{ConnectionId, UserId};
use crate::log::Cursor;
use crate::store::Transport;
use crate::store::connections::OpenedConnection;
use crate::wire::Framing;
use std::collections::{BTreeMap, VecDeque};

/// Confirmations of delivery that are held back. More are dropped: nobody is named to their senders.
const MAX_DELIVERED_HELD_BACK: usize = 4_096;

/// A report on clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientReport {
    Connected(OpenedConnection),
    Disconnected(OpenedConnection),
    /// All streams of this node, on demand.
    AllStreams(Vec<OpenedConnection>),
    /// A client of this user was sent the message at this cursor, which somebody awaits.
    Delivered(Cursor, UserId),
}

/// Sends a report, or gives it back if it cannot be sent now. It must not block.
pub type SendReport = Box<dyn Fn(ClientReport) -> Result<(), ClientReport> + Send>;

/// The way out for reports. Without a listener they go nowhere.
///
/// A report that cannot be sent now is held back. A client that connects and disconnects meanwhile is not reported at
/// all, so what is held back is bounded by the connections of then and now.
#[derive(Default)]
pub struct Reports {
    send: Option<SendReport>,
    connected: BTreeMap<ConnectionId, OpenedConnection>,
    disconnected: VecDeque<OpenedConnection>,
    delivered: VecDeque<(Cursor, UserId)>,
    /// Whether all streams are to be reported.
    owes_all_streams: bool,
}

impl Reports {
    /// Reports leave by `send`.
    pub fn new(send: SendReport) -> Self {
        Self { send: Some(send), ..Self::default() }
    }

    /// Sends a report, or holds it back.
    pub fn send(&mut self, report: ClientReport) {
        if let Err(report) = self.try_send(report) {
            self.hold_back(report);
        }
    }

    /// Sends what was held back, as far as that goes now.
    pub fn send_held_back(&mut self) {
        while let Some(report) = self.take_held_back() {
            if let Err(report) = self.try_send(report) {
                return self.hold_back(report);
            }
        }
    }

    /// Whether all streams were to be reported and could not be; the debt is then taken.
    pub fn take_debt(&mut self) -> bool {
        std::mem::take(&mut self.owes_all_streams)
    }

    fn try_send(&self, report: ClientReport) -> Result<(), ClientReport> {
        let Some(send) = &self.send else { return Ok(()) };
        // A disconnection must not overtake its connection.
        match &report {
            ClientReport::Disconnected(gone) if self.connected.contains_key(&gone.id) => Err(report),
            _ => send(report),
        }
    }

    fn hold_back(&mut self, report: ClientReport) {
        match report {
            ClientReport::Connected(opened) => drop(self.connected.insert(opened.id, opened)),
            ClientReport::Disconnected(gone) => {
                if self.connected.remove(&gone.id).is_none() {
                    self.disconnected.push_back(gone);
                }
            }
            ClientReport::AllStreams(_) => self.owes_all_streams = true,
            ClientReport::Delivered(at, user) => {
                if self.delivered.len() < MAX_DELIVERED_HELD_BACK {
                    self.delivered.push_back((at, user));
                }
            }
        }
    }

    fn take_held_back(&mut self) -> Option<ClientReport> {
        if let Some(gone) = self.disconnected.pop_front() {
            return Some(ClientReport::Disconnected(gone));
        }
        if let Some((_, opened)) = self.connected.pop_first() {
            return Some(ClientReport::Connected(opened));
        }
        self.delivered.pop_front().map(|(at, user)| ClientReport::Delivered(at, user))
    }
}

/// The connection of a client, as others know it.
pub fn connection(subscriber: &Subscriber, receiver: &Receiver) -> OpenedConnection {
    let transport = match receiver {
        Receiver::Stream { framing: Framing::Sse, .. } => Transport::Sse,
        Receiver::Stream { framing: Framing::Ndjson, .. } => Transport::Ndjson,
        Receiver::Poll(_) => Transport::Poll,
    };
    OpenedConnection { id: subscriber.id, user: subscriber.user, session: subscriber.session, transport }
}
