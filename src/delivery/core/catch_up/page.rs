//! What PostgreSQL answers to the queries of clients that are behind.

use super::read_ahead::ReadAhead;
use crate::ids::{ConversationId, Epoch, MessageId, Position, UserId};
use crate::log::Cursor;
use crate::wire::Encoded;
use bytes::Bytes;
use std::sync::Arc;

/// A page of what a subscription missed.
pub struct CatchUpPage {
    /// For a poll.
    pub events: Vec<Arc<Encoded>>,
    /// For a stream.
    pub bytes: Option<Bytes>,
    /// The client has everything up to here with this page.
    pub reached: Cursor,
    /// Whether more is known to follow.
    pub more: bool,
    /// What was found of that.
    pub read_ahead: Option<Box<ReadAhead>>,
    /// The span that was asked for: after the one, up to the other.
    pub asked: (Cursor, Cursor),
    /// The messages whose texts the page has.
    pub texts: Vec<MessageId>,
    /// Deletions of texts that the page certainly knows of.
    pub deletions: u64,
}

/// The memberships of some users.
pub struct UserMemberships {
    /// The head of the log at which they were read.
    pub head: Cursor,
    pub users: Vec<(UserId, KnownMemberships)>,
}

/// The memberships of a user.
#[derive(Clone, Debug, Default)]
pub struct KnownMemberships {
    /// The conversations where the user is a member.
    pub open: Vec<ConversationId>,
    /// The positions at which others ended, as far as the ring may hold them.
    pub ended: Vec<Position>,
}

/// Where a client starts.
#[derive(Clone, Copy, Debug)]
pub struct StartPoint {
    /// The client has everything up to here.
    pub from: Cursor,
    /// The epoch under which this was judged.
    pub epoch: Epoch,
}
