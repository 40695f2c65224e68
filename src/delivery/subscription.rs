//! One client's place in the log, and what waits to be written to it.

use super::close::Close;
use super::outlet::Outlet;
use super::question::Unread;
use super::roster::Seat;
use crate::ids::{ConnectionId, ConversationId, Epoch, Position, SessionId, UserId};
use crate::log::Cursor;
use crate::shutdown::ShutdownGuard;
use crate::wire::{Encoded, Framing};
use bytes::Bytes;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Bytes of events that may wait for a client whose connection takes no more: with what is being written to it, a client
/// costs 256 KiB at most.
pub const MOST_BYTES: usize = 128 * 1024;

/// How long a client may take nothing while more waits for it.
const PATIENCE: Duration = Duration::from_millis(500);

/// Who receives, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber {
    pub id: ConnectionId,
    pub user: UserId,
    pub session: Option<SessionId>,
    /// Only this conversation.
    pub only: Option<ConversationId>,
    /// When it ends by itself, and why.
    pub until: (Instant, Close),
}

/// How a client receives.
pub enum Receiver {
    Stream { framing: Framing, outlet: Outlet },
    Poll(Box<Poll>),
}

/// A long poll that waits.
pub struct Poll {
    /// Most events of its answer.
    pub limit: usize,
    /// The connection, if it was handed over.
    pub socket: Option<TcpStream>,
    /// Otherwise: is there as long as somebody waits for the answer.
    pub asker: Option<Weak<()>>,
    /// What arrived on the connection meanwhile.
    pub early: Vec<u8>,
    /// Takes the answer. It must not wait: all other clients do.
    pub answer: Box<dyn FnOnce(Answer) + Send>,
}

/// What a long poll gets.
pub struct Answer {
    /// In order.
    pub events: Vec<Arc<Encoded>>,
    /// The client has everything up to here, with `events`.
    pub covered: Cursor,
    /// Whether more is known to wait.
    pub more: bool,
    /// Why it ends, where no events end it.
    pub close: Option<Close>,
    /// The connection, if it was handed over, and what arrived on it meanwhile.
    pub socket: Option<std::net::TcpStream>,
    pub early: Vec<u8>,
}

/// A client that wants to receive.
pub struct Newcomer {
    pub subscriber: Subscriber,
    pub receiver: Receiver,
    /// The client has everything up to here.
    pub from: Cursor,
    /// Under which epoch that was judged.
    pub epoch: Epoch,
    /// What is written before all else.
    pub opening: Option<Bytes>,
    /// Keeps shutdown waiting.
    pub held: ShutdownGuard,
}

/// How far a subscription is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has not got all of the past, nor asked for it.
    Behind,
    /// It waits since then for what PostgreSQL is asked.
    Waiting(Question, Instant),
    /// All up to the hub's head is written, or in `pending`.
    Live,
}

/// What PostgreSQL is asked for a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Where its user is a member.
    Memberships,
    /// The next page of what it missed.
    Page,
    /// Whether its cursor is still good, after the log's history changed.
    Judgement,
}

/// An end that was decided.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    pub reason: Close,
    since: Instant,
    /// How far the client has everything, once `pending` is written.
    upto: Option<Cursor>,
}

/// One live consumer on this node.
pub struct Subscription {
    pub subscriber: Subscriber,
    pub receiver: Receiver,
    pub seat: Seat,
    pub phase: Phase,
    /// What the client has got of the log here lies above it.
    pub from: Position,
    /// The client has everything up to here, with what stands in `out`.
    pub covered: Cursor,
    /// Events of the log that come next.
    pub unread: Option<Box<Unread>>,
    /// What is written next, as it is.
    pub out: VecDeque<Bytes>,
    /// Events of the ring that come after that. All lie above `covered`.
    pub pending: Vec<Position>,
    /// About how many bytes these are.
    pub pending_bytes: usize,
    /// Whether the last write did not go through.
    pub blocked: bool,
    /// Whether it stands in the line of those that something can be done for.
    pub queued: bool,
    pub written_at: Instant,
    pub closed: Option<Closed>,
    /// Whether its end stands in `out`.
    pub ended: bool,
    /// Bytes that a stream's client sent though nothing is answered to them.
    pub unasked: usize,
    pub held: ShutdownGuard,
}

impl Subscription {
    pub fn new(newcomer: Newcomer, seat: Seat, now: Instant) -> Self {
        Self {
            subscriber: newcomer.subscriber,
            receiver: newcomer.receiver,
            seat,
            phase: Phase::Behind,
            from: newcomer.from.position,
            covered: newcomer.from,
            unread: None,
            out: newcomer.opening.into_iter().collect(),
            pending: Vec::new(),
            pending_bytes: 0,
            blocked: false,
            queued: false,
            written_at: now,
            closed: None,
            ended: false,
            unasked: 0,
            held: newcomer.held,
        }
    }

    /// Ends it, with the hub at `head`; the first reason stays.
    pub fn close(&mut self, reason: Close, head: Cursor, now: Instant) {
        if self.closed.is_some() {
            return;
        }
        let upto = (self.phase == Phase::Live).then_some(head);
        self.closed = Some(Closed { reason, since: now, upto });
        if !reason.keeps_events() || self.phase != Phase::Live {
            self.forget_pending();
        }
    }

    /// Puts an event into what waits, with the hub right before it; answers whether something can be done now.
    pub fn offer(&mut self, event: &Encoded, before: Cursor, now: Instant) -> bool {
        if self.phase != Phase::Live || self.closed.is_some() {
            return false;
        }
        if self.pending.is_empty() {
            self.cover(before);
        }
        self.pending.push(event.event.position);
        self.pending_bytes += event.wire_bytes();
        if self.blocked {
            if self.is_too_slow(now) {
                self.close(Close::Slow, before, now);
            }
            return false;
        }
        !std::mem::replace(&mut self.queued, true)
    }

    /// Takes in that nothing more waits before its end.
    pub fn conclude(&mut self) {
        if let Some(upto) = self.closed.and_then(|closed| closed.upto) {
            self.cover(upto);
        }
    }

    /// Takes in that the client has everything up to `reached`.
    pub fn cover(&mut self, reached: Cursor) {
        if reached.position > self.covered.position {
            self.covered = reached;
        }
    }

    /// Drops what waits: the client then has not everything up to where it was closed.
    pub fn forget_pending(&mut self) {
        if let Some(closed) = &mut self.closed
            && !self.pending.is_empty()
        {
            closed.upto = None;
        }
        self.pending = Vec::new();
        self.pending_bytes = 0;
    }

    /// Whether its end is due for so long that the client cannot be reading.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.closed.is_some_and(|closed| now.saturating_duration_since(closed.since) > closed.reason.grace())
    }

    /// Whether more waits than may, and nothing has gone through for a while. A position that waits takes eight bytes, so
    /// that a burst on a long line need not be the end of it.
    pub fn is_too_slow(&self, now: Instant) -> bool {
        let over = self.phase == Phase::Live && self.blocked && self.pending_bytes > MOST_BYTES;
        over && self.closed.is_none() && now.saturating_duration_since(self.written_at) > PATIENCE
    }

    /// Whether the client is known to be gone. The end of a socket is told by the reactor.
    pub fn is_gone(&self) -> bool {
        match &self.receiver {
            Receiver::Stream { outlet, .. } => outlet.is_closed(),
            Receiver::Poll(poll) => poll.asker.as_ref().is_some_and(|asker| asker.strong_count() == 0),
        }
    }

    /// Breaks a silence.
    pub fn beat(&mut self) {
        if let Receiver::Stream { framing, outlet } = &self.receiver
            && self.out.is_empty()
            && self.pending.is_empty()
            && self.closed.is_none()
        {
            self.out.push_back(outlet.bytes(&framing.heartbeat()));
        }
    }

    /// Whether it should stand in the line though no event has come for it. A body does not tell when it takes more.
    pub fn wants_a_turn(&mut self) -> bool {
        if matches!(&self.receiver, Receiver::Stream { outlet: Outlet::Body(_), .. }) {
            self.blocked = false;
        }
        !self.blocked && (self.closed.is_some() || !self.out.is_empty())
    }

    pub fn is_stream(&self) -> bool {
        matches!(self.receiver, Receiver::Stream { .. })
    }

    /// The socket of a connection that was handed over.
    pub fn socket(&mut self) -> Option<&mut TcpStream> {
        match &mut self.receiver {
            Receiver::Stream { outlet: Outlet::Socket(socket), .. } => Some(socket),
            Receiver::Stream { outlet: Outlet::Body(_), .. } => None,
            Receiver::Poll(poll) => poll.socket.as_mut(),
        }
    }
}
