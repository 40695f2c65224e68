//! Why subscriptions end, and what is sent to their clients then.

use crate::log::Cursor;
use crate::wire::{End, EndCode, Frame, Framing, ResetCode};
use std::time::Duration;

/// Why a subscription ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The time that a poll waits is over.
    Waited,
    /// The token ends.
    Expired,
    Revoked,
    Draining,
    /// More waited for the client than may.
    Slow,
    /// The user opened one stream too many, and this was the oldest.
    Replaced,
    /// The stream has been open for long enough.
    Rotate,
    /// PostgreSQL cannot be reached.
    Unavailable,
    /// The log's history changed, and the cursor of a poll cannot be resumed from under the new one.
    UnusableCursor(ResetCode),
}

impl CloseReason {
    /// Whether what waits is still delivered. It is not if the client may no longer see it, or would see it again from
    /// its cursor.
    pub fn keeps_events(self) -> bool {
        match self {
            Self::Waited | Self::Expired | Self::Draining | Self::Replaced | Self::Rotate => true,
            Self::Revoked | Self::Slow | Self::Unavailable | Self::UnusableCursor(_) => false,
        }
    }

    /// How long a client that does not read has to take its end.
    pub fn grace(self) -> Duration {
        match self {
            // What may no longer be read must not stay open.
            Self::Expired | Self::Revoked => Duration::from_secs(1),
            Self::Waited
            | Self::Draining
            | Self::Slow
            | Self::Replaced
            | Self::Rotate
            | Self::Unavailable
            | Self::UnusableCursor(_) => Duration::from_secs(10),
        }
    }

    /// The last object of a stream whose client has everything up to `covered`.
    pub fn end(self, framing: Framing, covered: Cursor) -> Frame {
        let (code, retry_after) = match self {
            Self::Expired => (EndCode::TokenExpiring, 0),
            Self::Revoked => (EndCode::Revoked, 0),
            Self::Draining => (EndCode::Draining, fastrand::u64(1..=3)),
            Self::Slow => (EndCode::Slow, 1),
            Self::Replaced => (EndCode::Replaced, 0),
            Self::Waited | Self::Rotate => (EndCode::Rotate, 0),
            Self::Unavailable | Self::UnusableCursor(_) => (EndCode::Unavailable, fastrand::u64(5..=10)),
        };
        let cursor = covered.to_string();
        framing.control("end", &cursor, &End { kind: "end", code, cursor: cursor.clone(), retry_after })
    }
}
