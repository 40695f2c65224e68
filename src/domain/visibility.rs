//! What of a conversation somebody may read.

use super::{Caller, Error};
use crate::ids::{ConversationId, Position};
use crate::log::history::Interval;
use crate::store::conversations::Conversation;
use crate::store::members::Membership;
use crate::store::{Connection, History, conversations, members};
use std::collections::HashSet;

/// A conversation and the caller's share of it.
#[derive(Clone, Debug)]
pub struct Sight {
    pub conversation: Conversation,
    /// The caller's present membership.
    pub present: Option<Membership>,
    /// What the caller may read, disjoint and in ascending order.
    pub intervals: Vec<Interval>,
}

impl Sight {
    /// Whether an event at `position` may be read.
    pub fn covers(&self, position: Position) -> bool {
        self.intervals.iter().any(|interval| (interval.first..=interval.last).contains(&position))
    }

    /// The present membership.
    ///
    /// # Errors
    /// [`Error::NotFound`] for former members, to whom all but their history is closed.
    pub fn present(&self) -> Result<&Membership, Error> {
        self.present.as_ref().ok_or(Error::NotFound)
    }
}

/// Finds out what the caller may read of a conversation.
///
/// # Errors
/// [`Error::NotFound`] for who never was a member, whether or not there is such a conversation.
pub async fn of(connection: &mut Connection, caller: &Caller, id: ConversationId) -> Result<Sight, Error> {
    let memberships = members::of_user(connection, id, caller.user.id).await?;
    if memberships.is_empty() {
        return Err(Error::NotFound);
    }
    let conversation = conversations::by_id(connection, id).await?.ok_or(Error::NotFound)?;
    let present = memberships.last().filter(|membership| membership.left_at.is_none()).cloned();
    let intervals = if present.is_some() && conversation.history == History::Shared {
        vec![Interval { first: Position::ZERO, last: Position::MAX }]
    } else {
        let interval = |membership: &Membership| Interval {
            first: membership.joined_at,
            last: membership.left_at.unwrap_or(Position::MAX),
        };
        memberships.iter().map(interval).collect()
    };
    Ok(Sight { conversation, present, intervals })
}

/// Finds out what the caller may read of all conversations: disjoint intervals of each, in no order.
///
/// # Errors
/// [`Error::Store`].
pub async fn everywhere(
    connection: &mut Connection,
    caller: &Caller,
) -> Result<Vec<(ConversationId, Interval)>, Error> {
    let stretches = members::stretches(connection, caller.user.id).await?;
    let is_open = |stretch: &members::Stretch| stretch.left_at.is_none() && stretch.history == History::Shared;
    let open: HashSet<_> =
        stretches.iter().filter(|stretch| is_open(stretch)).map(|stretch| stretch.conversation).collect();
    let seen = stretches.into_iter().filter_map(|stretch| {
        let interval = Interval { first: stretch.joined_at, last: stretch.left_at.unwrap_or(Position::MAX) };
        let all = Interval { first: Position::ZERO, last: Position::MAX };
        match open.contains(&stretch.conversation) {
            false => Some((stretch.conversation, interval)),
            // One interval for all of a user's memberships.
            true => stretch.left_at.is_none().then_some((stretch.conversation, all)),
        }
    });
    Ok(seen.collect())
}

impl super::Domain {
    /// Checks that the caller is or was a member of a conversation.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn check_follows(&self, caller: &Caller, id: ConversationId) -> Result<(), Error> {
        of(&mut *self.connection().await?, caller, id).await.map(|_| ())
    }
}
