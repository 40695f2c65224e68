//! Writing what waits for a subscription.

use super::receiver::Receiver;
use super::subscription::{Phase, Subscription};
use crate::delivery::core::recent::ring::Ring;
use crate::log::Cursor;
use crate::wire::Encoded;
use bytes::Buf;
use std::collections::VecDeque;
use std::io::{ErrorKind, Result};
use std::sync::Arc;
use std::time::Instant;

/// Bytes of events that are written at once.
const MAX_WRITE_BYTES: usize = 64 * 1024;
/// Bytes of the events of a poll's answer, which is kept until its client has read it.
const MAX_ANSWER_BYTES: usize = 96 * 1024;
/// Positions that `pending` keeps space for while it is empty.
const PENDING_KEPT: usize = 16;

/// What became of an attempt to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Nothing waits any more.
    Drained,
    /// More waits, and may go.
    More,
    /// The connection takes no more now.
    Blocked,
    /// All is written, the end too.
    Ended,
}

impl Subscription {
    /// Writes what waits for a stream, about one write's worth of it.
    ///
    /// # Errors
    /// The client is gone.
    pub fn write(&mut self, ring: &Ring, now: Instant) -> Result<WriteOutcome> {
        if self.out.is_empty() {
            self.load(ring);
        }
        if !self.out.is_empty() {
            match self.write_out() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(WriteOutcome::Blocked),
                written => written?,
            }
            self.written_at = now;
        }
        let more = !self.out.is_empty() || !self.pending.is_empty() || self.closing.is_some() && !self.ended;
        Ok(match more {
            true => WriteOutcome::More,
            false if self.ended => WriteOutcome::Ended,
            false => WriteOutcome::Drained,
        })
    }

    /// Moves the next events into `out`, and the end once no events wait.
    fn load(&mut self, ring: &Ring) {
        let Receiver::Stream { framing, sink } = &self.receiver else { return };
        let (mut taken, mut bytes) = (0, 0);
        for position in &self.pending {
            let Some(entry) = ring.get(*position) else { break };
            let piece = sink.bytes(entry.event.framed(*framing));
            let size = entry.event.wire_bytes();
            bytes += size;
            if taken > 0 && bytes > MAX_WRITE_BYTES {
                bytes -= size;
                break;
            }
            self.out.push_back(piece);
            self.covered = entry.event.event.cursor();
            taken += 1;
        }
        if taken > 0 {
            self.pending.drain(..taken);
            self.pending_bytes = self.pending_bytes.saturating_sub(bytes);
            if self.pending.is_empty() {
                self.pending.shrink_to(PENDING_KEPT);
            }
        } else if !self.pending.is_empty() {
            self.fall_behind();
        } else if self.closing.is_some() && !self.ended {
            self.load_end();
        }
    }

    fn load_end(&mut self) {
        self.conclude();
        if let (Receiver::Stream { framing, sink }, Some(closing)) = (&self.receiver, self.closing) {
            let end = closing.reason.end(*framing, self.covered);
            let end = [Some(sink.bytes(&end)), sink.last()];
            self.out.extend(end.into_iter().flatten());
        }
        self.ended = true;
    }

    /// Takes in that the ring no longer holds what waits: the rest is read from the log.
    fn fall_behind(&mut self) {
        self.drop_pending();
        self.phase = Phase::Behind;
    }

    fn write_out(&mut self) -> Result<()> {
        let Receiver::Stream { sink, .. } = &mut self.receiver else { return Ok(()) };
        let mut written = sink.write(self.out.make_contiguous())?;
        while let Some(first) = self.out.front_mut() {
            if written < first.len() {
                first.advance(written);
                return Ok(());
            }
            written -= first.len();
            self.out.pop_front();
        }
        // Thousands of clients have nothing to write: an empty queue gives its memory back.
        self.out = VecDeque::new();
        Ok(())
    }

    /// Takes the events that answer a poll, at most `limit`, and whether more wait; `None` if nothing waits, or the ring
    /// no longer holds what did. The poll covers `head` if it gets all that there is.
    pub fn take_answer(&mut self, ring: &Ring, limit: usize, head: Cursor) -> Option<(Vec<Arc<Encoded>>, bool)> {
        if self.pending.is_empty() {
            return None;
        }
        let (mut events, mut bytes) = (Vec::new(), 0);
        for entry in self.pending.iter().take(limit).map_while(|at| ring.get(*at)) {
            bytes += entry.event.wire_bytes();
            if bytes > MAX_ANSWER_BYTES && !events.is_empty() {
                break;
            }
            events.push(entry.event.clone());
        }
        let more = self.pending.len() > events.len();
        match events.last() {
            None => {
                self.fall_behind();
                return None;
            }
            Some(last) if more || self.phase != Phase::Live => self.cover(last.event.cursor()),
            Some(_) if self.closing.is_some() => self.conclude(),
            Some(_) => self.cover(head),
        }
        Some((events, more))
    }
}
