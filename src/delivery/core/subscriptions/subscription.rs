//! One client's position in the log, and what waits to be written to it.

use super::close_reason::CloseReason;
use super::receiver::{NewSubscription, Receiver, Subscriber};
use super::sink::Sink;
use crate::delivery::core::catch_up::read_ahead::ReadAhead;
use crate::delivery::core::slots::{SubscriptionKey, UserSlot};
use crate::ids::Position;
use crate::log::Cursor;
use crate::shutdown::ShutdownGuard;
use crate::wire::Encoded;
use bytes::Bytes;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes of events that may wait for a client whose connection takes no more. With what is being written to it, a
/// client costs at most 256 KiB.
pub const MAX_PENDING_BYTES: usize = 128 * 1024;

/// Events that may wait for a client, whatever they weigh: a position takes eight bytes. What comes beyond is taken out of
/// the ring later.
pub const MAX_PENDING_EVENTS: usize = 8_192;

/// How long a client may take nothing while more bytes than that wait for it.
const MAX_STALL: Duration = Duration::from_millis(500);

/// How long a stream is silent before a heartbeat: proxies cut what is silent for 30 s or more.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// How often a subscription is looked at if its time has come and it cannot be served.
const RECHECK_EVERY: Duration = Duration::from_secs(1);

/// The smallest step by which a duration exceeds a limit.
const DEADLINE_MARGIN: Duration = Duration::from_millis(1);

/// How far a subscription is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The client lacks some of the past, and nothing is under way to get it.
    Behind,
    /// PostgreSQL has been asked this, since then.
    Querying(QueryKind, Instant),
    /// The client was live, and more events came than may wait for it. Those in `pending` go first.
    Lagged,
    /// Everything up to the head is written, or in `pending`.
    Live,
}

/// What PostgreSQL is asked for a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryKind {
    /// Where its user is a member.
    Memberships,
    /// The next page of what it missed.
    Page,
    /// Whether its cursor is still good, after the log's history changed.
    Judgement,
}

/// An end that was decided.
#[derive(Clone, Copy, Debug)]
pub struct Closing {
    pub reason: CloseReason,
    since: Instant,
    /// How far the client has everything once `pending` is written; `None` if that does not reach the head.
    upto: Option<Cursor>,
}

/// One client that receives on this node.
pub struct Subscription {
    pub subscriber: Subscriber,
    pub receiver: Receiver,
    pub user: UserSlot,
    pub phase: Phase,
    /// What the client has got of the log from this node lies above here.
    pub from: Position,
    /// The client has everything up to here, once `out` is written.
    pub covered: Cursor,
    /// Events that were found in the log and come next.
    pub read_ahead: Option<Box<ReadAhead>>,
    /// Bytes that are written next, as they are.
    pub out: VecDeque<Bytes>,
    /// Events of the ring that come after that, all above `covered`.
    pub pending: Vec<Position>,
    /// About how many bytes these are.
    pub pending_bytes: usize,
    /// Whether the connection took nothing at the last write.
    pub blocked: bool,
    /// Whether it stands in the ready queue.
    pub queued: bool,
    pub written_at: Instant,
    /// When it is looked at because of the time.
    pub due_at: Option<Instant>,
    pub closing: Option<Closing>,
    /// Whether its end stands in `out`.
    pub ended: bool,
    /// Bytes that a stream's client has sent although nothing answers them.
    pub unexpected_bytes: usize,
    pub held: ShutdownGuard,
}

impl Subscription {
    /// Makes one that has written nothing yet.
    pub fn new(new: NewSubscription, user: UserSlot, now: Instant) -> Self {
        Self {
            subscriber: new.subscriber,
            receiver: new.receiver,
            user,
            phase: Phase::Behind,
            from: new.from.position,
            covered: new.from,
            read_ahead: None,
            out: new.opening.into_iter().collect(),
            pending: Vec::new(),
            pending_bytes: 0,
            blocked: false,
            queued: false,
            written_at: now,
            due_at: None,
            closing: None,
            ended: false,
            unexpected_bytes: 0,
            held: new.held,
        }
    }

    /// Decides its end, with the log at `head`. The first reason stays.
    pub fn close(&mut self, reason: CloseReason, head: Cursor, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        let upto = (self.phase == Phase::Live).then_some(head);
        self.closing = Some(Closing { reason, since: now, upto });
        if !reason.keeps_events() || self.phase != Phase::Live {
            self.drop_pending();
        }
    }

    /// Adds an event to what waits, with `before` the head right before it. Returns true if the subscription is to be
    /// put into the ready queue, and marks it as being there.
    pub fn offer(&mut self, event: &Encoded, before: Cursor, now: Instant) -> bool {
        if self.phase != Phase::Live || self.closing.is_some() {
            return false;
        }
        if self.pending.is_empty() {
            self.cover(before);
        }
        if !self.make_room() {
            self.phase = Phase::Lagged;
            return false;
        }
        self.pending.push(event.event.position);
        self.pending_bytes += event.wire_bytes();
        if self.blocked {
            if self.is_too_slow(now) {
                self.close(CloseReason::Slow, before, now);
            }
            return false;
        }
        !std::mem::replace(&mut self.queued, true)
    }

    /// Makes room for one more event in `pending`; returns false if there may be no more.
    fn make_room(&mut self) -> bool {
        let length = self.pending.len();
        if length == self.pending.capacity() {
            let more = length.max(16).min(MAX_PENDING_EVENTS.saturating_sub(length));
            self.pending.reserve_exact(more);
        }
        length < MAX_PENDING_EVENTS
    }

    /// Whether it lacks some of the past, and nothing is under way to get it but what waits to be written.
    pub fn is_behind(&self) -> bool {
        matches!(self.phase, Phase::Behind | Phase::Lagged)
    }

    /// Takes in that nothing more waits before its end.
    pub fn conclude(&mut self) {
        if let Some(upto) = self.closing.and_then(|closing| closing.upto) {
            self.cover(upto);
        }
    }

    /// Takes in that the client has everything up to `reached`.
    pub fn cover(&mut self, reached: Cursor) {
        if reached.position > self.covered.position {
            self.covered = reached;
        }
    }

    /// Drops what waits. The client then does not have everything up to where it was closed.
    pub fn drop_pending(&mut self) {
        if let Some(closing) = &mut self.closing
            && !self.pending.is_empty()
        {
            closing.upto = None;
        }
        self.pending = Vec::new();
        self.pending_bytes = 0;
    }

    /// Whether its end is due for so long that the client cannot be reading.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.closing.is_some_and(|closing| now.saturating_duration_since(closing.since) > closing.reason.grace())
    }

    /// Whether more waits than may, and the client has taken nothing for a while. A burst alone is not the end of a
    /// client on a slow line.
    pub fn is_too_slow(&self, now: Instant) -> bool {
        let was_live = matches!(self.phase, Phase::Live | Phase::Lagged);
        let over = was_live && self.blocked && self.pending_bytes > MAX_PENDING_BYTES;
        over && self.closing.is_none() && now.saturating_duration_since(self.written_at) > MAX_STALL
    }

    /// Whether the client is known to be gone. The event loop sees the end of a socket.
    pub fn is_gone(&self) -> bool {
        match &self.receiver {
            Receiver::Stream { sink, .. } => sink.is_closed(),
            Receiver::Poll(poll) => poll.asker.as_ref().is_some_and(|asker| asker.strong_count() == 0),
        }
    }

    /// When something may be due for it by time alone. That is at once for what must be looked at again and again: a body
    /// does not say when it takes more, and neither a body nor a request says that its client has gone.
    pub fn next_due(&self, key: SubscriptionKey, now: Instant) -> Instant {
        if !self.says_when_it_changes() {
            return now;
        }
        let is_blocked = self.blocked.then(|| {
            let stalled = self.written_at + MAX_STALL + DEADLINE_MARGIN;
            if stalled > now { stalled } else { now + RECHECK_EVERY }
        });
        let end = match self.closing {
            Some(closing) => closing.since + closing.reason.grace() + DEADLINE_MARGIN,
            None => self.subscriber.until.0,
        };
        let heartbeat = (self.is_stream() && self.closing.is_none()).then(|| self.heartbeat_at(key));
        let times = [is_blocked, Some(end), heartbeat.filter(|_| !self.blocked)];
        let next = times.into_iter().flatten().min().unwrap_or(end);
        if next > now { next } else { now + RECHECK_EVERY }
    }

    /// When a heartbeat is due. That is spread over a second: what is written to all at the same time once would be so
    /// for ever after.
    pub fn heartbeat_at(&self, key: SubscriptionKey) -> Instant {
        self.written_at + HEARTBEAT_INTERVAL - Duration::from_millis(u64::from(key) % 64 * 15)
    }

    /// Whether the event loop gets notice of all that happens at the client's end.
    fn says_when_it_changes(&self) -> bool {
        match &self.receiver {
            Receiver::Stream { sink, .. } => matches!(sink, Sink::Socket(_)),
            Receiver::Poll(poll) => poll.asker.is_none(),
        }
    }

    /// Adds a heartbeat, unless something else is about to be written.
    pub fn add_heartbeat(&mut self) {
        if let Receiver::Stream { framing, sink } = &self.receiver
            && self.out.is_empty()
            && self.pending.is_empty()
            && self.closing.is_none()
        {
            self.out.push_back(sink.bytes(&framing.heartbeat()));
        }
    }

    /// Whether it belongs into the ready queue though no event has come for it. A body does not say when it takes more,
    /// so it is tried again.
    pub fn retry_write(&mut self) -> bool {
        if matches!(&self.receiver, Receiver::Stream { sink: Sink::Body(_), .. }) {
            self.blocked = false;
        }
        !self.blocked && (self.closing.is_some() || !self.out.is_empty())
    }

    /// Whether it is a stream, and not a poll.
    pub fn is_stream(&self) -> bool {
        matches!(self.receiver, Receiver::Stream { .. })
    }

    /// The socket of a connection that was handed over.
    pub fn socket(&mut self) -> Option<&mut TcpStream> {
        match &mut self.receiver {
            Receiver::Stream { sink: Sink::Socket(socket), .. } => Some(socket),
            Receiver::Stream { sink: Sink::Body(_), .. } => None,
            Receiver::Poll(poll) => poll.socket.as_mut(),
        }
    }

    /// Takes in bytes that the client sent before they are wanted; returns false if they are more than `limit`.
    pub fn take_early(&mut self, bytes: &[u8], limit: usize) -> bool {
        match &mut self.receiver {
            // The next request, which is read once the poll is answered.
            Receiver::Poll(poll) => {
                poll.early.extend_from_slice(bytes);
                poll.early.len() <= limit
            }
            // The connection of a stream is closed after it.
            Receiver::Stream { .. } => {
                self.unexpected_bytes += bytes.len();
                self.unexpected_bytes <= limit
            }
        }
    }
}
