//! What the rest of the node is told of its clients: who connects and disconnects, and who was sent an awaited message.

use super::subscriptions::receiver::{Receiver, Subscriber};
use crate::ids::UserId;
use crate::log::Cursor;
use crate::store::Transport;
use crate::store::connections::OpenedConnection;
use crate::wire::Framing;

/// Something that is told of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientReport {
    Connected(OpenedConnection),
    Disconnected(OpenedConnection),
    /// All streams of this node, on demand.
    AllStreams(Vec<OpenedConnection>),
    /// A client of this user was sent the message at this cursor, which somebody awaits.
    Delivered(Cursor, UserId),
}

/// The way out for reports. Without a listener they go nowhere.
#[derive(Default)]
pub struct Reports {
    send: Option<Box<dyn Fn(ClientReport) + Send>>,
}

impl Reports {
    /// Reports leave by `send`, which must not block.
    pub fn new(send: impl Fn(ClientReport) + Send + 'static) -> Self {
        Self { send: Some(Box::new(send)) }
    }

    /// Sends a report.
    pub fn send(&self, report: ClientReport) {
        if let Some(send) = &self.send {
            send(report);
        }
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
