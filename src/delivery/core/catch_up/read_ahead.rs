//! Events that were found in the log for a client, and are not sent yet.

use crate::ids::Position;
use crate::log::{Cursor, Event};
use crate::store::StoreError;
use crate::wire::Encoded;
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::sync::Arc;

/// A page of events that is on its way, with the oldest position that was kept when it was read.
pub type Prefetch = BoxFuture<'static, Result<(Position, Vec<Event>), StoreError>>;

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
}

impl ReadAhead {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.read.is_empty()
    }
}
