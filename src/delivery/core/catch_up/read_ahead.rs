//! Events that were found in the log for a client, and are not sent yet.

use crate::ids::{MessageId, Position};
use crate::log::{Cursor, Event};
use crate::store::{EventKind, StoreError};
use crate::wire::Encoded;
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::sync::Arc;

/// Events that were read, with the oldest position that was kept then.
pub type EventsRead = Result<(Position, Vec<Event>), StoreError>;

/// Events that are on their way.
pub struct Prefetch {
    pub reading: BoxFuture<'static, EventsRead>,
    /// Deletions of texts that had passed when the read began.
    pub deletions: u64,
}

/// Events that were found, and are not sent yet. What was found stays true: nobody becomes a member, or ceases to be
/// one, at a position that has passed.
pub struct ReadAhead {
    /// Positions whose events are not read.
    pub found: Vec<Position>,
    /// The events before them.
    pub read: VecDeque<Arc<Encoded>>,
    /// The first of `found`, on their way.
    pub prefetch: Option<Prefetch>,
    /// The position up to which these are all; `None` where more may follow.
    pub upto: Option<Cursor>,
    /// Deletions of texts that `read` certainly knows of.
    pub deletions: u64,
}

impl ReadAhead {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.read.is_empty()
    }

    /// The messages whose texts were read.
    pub fn texts(&self) -> impl Iterator<Item = MessageId> {
        self.read.iter().filter_map(|event| text_of(&event.event))
    }
}

/// The message whose text an event carries.
pub fn text_of(event: &Event) -> Option<MessageId> {
    matches!(event.kind, EventKind::MessageCreated | EventKind::MessageEdited).then_some(event.message).flatten()
}
