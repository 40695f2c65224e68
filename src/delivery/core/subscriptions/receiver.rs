//! What a client brings along: who it is, how it receives, and how it is answered.

use super::close_reason::CloseReason;
use super::sink::Sink;
use crate::ids::{ConnectionId, ConversationId, Epoch, SessionId, UserId};
use crate::log::Cursor;
use crate::shutdown::ShutdownGuard;
use crate::wire::{Encoded, Framing};
use bytes::Bytes;
use mio::net::TcpStream;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// Who receives, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber {
    pub id: ConnectionId,
    pub user: UserId,
    pub session: Option<SessionId>,
    /// Only the events of this conversation.
    pub only: Option<ConversationId>,
    /// When the subscription ends by itself, and why.
    pub until: (Instant, CloseReason),
}

/// How a client receives.
pub enum Receiver {
    Stream { framing: Framing, sink: Sink },
    Poll(Box<LongPoll>),
}

/// A long poll that waits.
pub struct LongPoll {
    /// Most events of its answer.
    pub limit: usize,
    /// The connection, if it was handed over.
    pub socket: Option<TcpStream>,
    /// Otherwise: alive for as long as the request that waits for the answer.
    pub asker: Option<Weak<()>>,
    /// Bytes that arrived on the connection meanwhile.
    pub early: Vec<u8>,
    /// Takes the answer. It must not block: all other clients would wait.
    pub answer: Box<dyn FnOnce(PollAnswer) + Send>,
}

/// The answer of a long poll.
pub struct PollAnswer {
    /// In order.
    pub events: Vec<Arc<Encoded>>,
    /// With `events`, the client has everything up to here.
    pub covered: Cursor,
    /// Whether more events are known to wait.
    pub more: bool,
    /// Why the poll ends, where no events end it.
    pub close: Option<CloseReason>,
    /// The connection, if it was handed over, and what arrived on it meanwhile.
    pub socket: Option<std::net::TcpStream>,
    pub early: Vec<u8>,
}

/// A client that wants to receive.
pub struct NewSubscription {
    pub subscriber: Subscriber,
    pub receiver: Receiver,
    /// The client has everything up to here.
    pub from: Cursor,
    /// The epoch under which `from` was judged.
    pub epoch: Epoch,
    /// Bytes that are written before all else.
    pub opening: Option<Bytes>,
    /// Keeps shutdown waiting.
    pub held: ShutdownGuard,
}
