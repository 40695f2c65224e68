//! What PostgreSQL is asked for clients that are behind.

use super::read_ahead::ReadAhead;
use crate::delivery::core::recent::recent_log::RecentLog;
use crate::delivery::core::slots::SubscriptionKey;
use crate::delivery::core::subscriptions::receiver::Receiver;
use crate::delivery::core::subscriptions::subscription::Subscription;
use crate::ids::{ConnectionId, ConversationId, UserId};
use crate::log::Cursor;
use crate::wire::{Chunks, Framing};

/// A query to PostgreSQL.
pub enum CatchUpQuery {
    /// Where a user is a member.
    Memberships(UserId),
    /// The next page of what a subscription missed.
    Page(PageQuery),
    /// Whether the cursor of a subscription is still good.
    Judgement(SubscriptionKey, ConnectionId, Cursor),
}

/// A query for a page of what a subscription missed.
pub struct PageQuery {
    pub key: SubscriptionKey,
    pub id: ConnectionId,
    pub user: UserId,
    pub only: Option<ConversationId>,
    pub covered: Cursor,
    pub upto: Cursor,
    pub shape: PageShape,
    pub read_ahead: Option<Box<ReadAhead>>,
    /// Deletions of texts that have passed.
    pub deletions: u64,
}

/// How the receiver of a page wants it.
#[derive(Clone, Copy)]
pub enum PageShape {
    /// As bytes: a stream.
    Bytes(Framing, Chunks),
    /// As so many events at most: a poll.
    Events(usize),
}

impl PageQuery {
    /// The query for the next page of a subscription. It takes what was read ahead along, unless some of that was deleted
    /// since.
    pub fn of(key: SubscriptionKey, subscription: &mut Subscription, recent: &RecentLog) -> Self {
        let shape = match &subscription.receiver {
            Receiver::Stream { framing, sink } => PageShape::Bytes(*framing, sink.chunks()),
            Receiver::Poll(poll) => PageShape::Events(poll.limit),
        };
        let subscriber = &subscription.subscriber;
        let (id, user, only) = (subscriber.id, subscriber.user, subscriber.only);
        let deletions = recent.deletions();
        let mut read_ahead = match subscription.read_ahead.take() {
            Some(ahead) if !deletions.may_concern(ahead.texts(), ahead.deletions) => Some(ahead),
            _ => None,
        };
        if let Some(ahead) = &mut read_ahead {
            ahead.deletions = deletions.count();
        }
        let (covered, upto, deletions) = (subscription.covered, recent.head(), deletions.count());
        Self { key, id, user, only, covered, upto, shape, read_ahead, deletions }
    }
}
