//! Writing what waits.

use super::audience::{Answered, Audience};
use super::close::Close;
use super::ring::Ring;
use super::roster::Key;
use super::subscription::{Phase, Receiver, Subscription};
use crate::wire::Encoded;
use bytes::Buf;
use std::collections::VecDeque;
use std::io::{ErrorKind, Result};
use std::sync::Arc;
use std::time::Instant;

/// Bytes of events that are written at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Bytes of the events of a poll's answer, which is kept until its client has read it.
const ANSWER_BYTES: usize = 96 * 1024;
/// Room for positions that a subscription keeps when it is not needed.
const KEPT: usize = 16;

/// What became of a turn to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Nothing waits.
    Idle,
    /// More waits, and may go.
    More,
    /// The connection takes no more now.
    Blocked,
    /// All is written, the end too.
    Over,
}

impl Audience {
    /// Does what can be done for the first subscription in the line; false when there is none.
    ///
    /// All that has come until its turn goes in one write. So the longer the line is, the fewer writes there are.
    pub fn serve(&mut self, now: Instant) -> bool {
        let Some(key) = self.line.pop_front() else { return false };
        let Some(subscription) = self.subscriptions.get_mut(key as usize) else { return true };
        subscription.queued = false;
        if subscription.is_stream() {
            self.write(key, now);
        } else {
            self.try_answer(key, now);
        }
        true
    }

    /// Takes in that a connection takes more again.
    pub fn unblock(&mut self, key: Key) {
        if let Some(subscription) = self.subscriptions.get_mut(key as usize)
            && std::mem::replace(&mut subscription.blocked, false)
        {
            self.queue(key);
        }
    }

    fn write(&mut self, key: Key, now: Instant) {
        let Some(subscription) = self.subscriptions.get_mut(key as usize) else { return };
        let before = subscription.out.is_empty().then_some(subscription.covered.position);
        match subscription.write(&self.ring, now) {
            Ok(Turn::More) => {
                self.hand(key, before);
                self.queue(key);
            }
            Ok(Turn::Idle) => {
                let is_behind = subscription.phase == Phase::Behind && subscription.closed.is_none();
                self.hand(key, before);
                if is_behind {
                    self.advance(key, now);
                    if self.subscriptions.get(key as usize).is_some_and(|next| !next.pending.is_empty()) {
                        self.queue(key);
                    }
                }
            }
            Ok(Turn::Blocked) => {
                subscription.blocked = true;
                if subscription.is_too_slow(now) {
                    subscription.close(Close::Slow, self.head, now);
                }
            }
            Ok(Turn::Over) | Err(_) => {
                self.remove(key, now);
            }
        }
    }

    /// Answers a poll if there is something to answer.
    fn try_answer(&mut self, key: Key, now: Instant) {
        let looks =
            |poll: &Subscription| poll.phase == Phase::Behind && poll.closed.is_none() && poll.pending.is_empty();
        if self.subscriptions.get(key as usize).is_some_and(looks) {
            self.advance(key, now);
        }
        let Some(subscription) = self.subscriptions.get_mut(key as usize) else { return };
        let (until, reason) = subscription.subscriber.until;
        if subscription.phase == Phase::Live && subscription.pending.is_empty() && now >= until {
            subscription.close(reason, self.head, now);
        }
        let Receiver::Poll(poll) = &subscription.receiver else { return };
        let found = subscription.pending.len();
        if found > 0 {
            let (mut events, mut bytes) = (Vec::new(), 0);
            for passed in subscription.pending.iter().take(poll.limit).map_while(|at| self.ring.get(*at)) {
                bytes += passed.event.wire_bytes();
                if bytes > ANSWER_BYTES && !events.is_empty() {
                    break;
                }
                events.push(passed.event.clone());
            }
            let more = found > events.len();
            match events.last() {
                None => {
                    // The ring has gone on: the rest stands in the log.
                    subscription.forget_pending();
                    subscription.phase = Phase::Behind;
                    return self.queue(key);
                }
                Some(last) if more || subscription.phase != Phase::Live => subscription.cover(last.event.cursor()),
                Some(_) if subscription.closed.is_some() => subscription.conclude(),
                Some(_) => subscription.cover(self.head),
            }
            return self.answer(key, events, more, None, now);
        }
        if let Some(closed) = subscription.closed {
            subscription.conclude();
            self.answer(key, Vec::new(), false, Some(closed.reason), now);
        }
    }

    /// Ends a poll with an answer.
    pub(super) fn answer(
        &mut self,
        key: Key,
        events: Vec<Arc<Encoded>>,
        more: bool,
        close: Option<Close>,
        now: Instant,
    ) {
        let Some(subscription) = self.remove(key, now) else { return };
        let covered = subscription.covered;
        if let Receiver::Poll(poll) = subscription.receiver {
            let held = subscription.held;
            self.answered.push(Answered { poll, events, covered, more, close, held });
        }
    }
}

impl Subscription {
    /// Writes what waits, about one piece of it.
    fn write(&mut self, ring: &Ring, now: Instant) -> Result<Turn> {
        if self.out.is_empty() {
            self.load(ring);
        }
        if !self.out.is_empty() {
            match self.write_out() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Blocked),
                written => written?,
            }
            self.written_at = now;
        }
        let more = !self.out.is_empty() || !self.pending.is_empty() || self.closed.is_some() && !self.ended;
        Ok(match more {
            true => Turn::More,
            false if self.ended => Turn::Over,
            false => Turn::Idle,
        })
    }

    /// Takes the next piece of what waits, at last the end.
    fn load(&mut self, ring: &Ring) {
        let Receiver::Stream { framing, outlet } = &self.receiver else { return };
        let (mut taken, mut bytes) = (0, 0);
        for position in &self.pending {
            let Some(passed) = ring.get(*position) else { break };
            let piece = outlet.bytes(passed.event.framed(*framing));
            let size = passed.event.wire_bytes();
            bytes += size;
            if taken > 0 && bytes > PIECE_BYTES {
                bytes -= size;
                break;
            }
            self.out.push_back(piece);
            self.covered = passed.event.event.cursor();
            taken += 1;
        }
        if taken > 0 {
            self.pending.drain(..taken);
            self.pending_bytes = self.pending_bytes.saturating_sub(bytes);
            if self.pending.is_empty() {
                self.pending.shrink_to(KEPT);
            }
        } else if !self.pending.is_empty() {
            // The ring has gone on: the rest stands in the log.
            self.forget_pending();
            self.phase = Phase::Behind;
        } else if let Some(closed) = self.closed
            && !self.ended
        {
            self.conclude();
            if let Receiver::Stream { framing, outlet } = &self.receiver {
                let end = closed.reason.end(*framing, self.covered);
                let end = [Some(outlet.bytes(&end)), outlet.last()];
                self.out.extend(end.into_iter().flatten());
            }
            self.ended = true;
        }
    }

    fn write_out(&mut self) -> Result<()> {
        let Receiver::Stream { outlet, .. } = &mut self.receiver else { return Ok(()) };
        let mut written = outlet.write(self.out.make_contiguous())?;
        while let Some(first) = self.out.front_mut() {
            if written < first.len() {
                first.advance(written);
                return Ok(());
            }
            written -= first.len();
            self.out.pop_front();
        }
        // Thousands wait with nothing to write.
        self.out = VecDeque::new();
        Ok(())
    }
}
