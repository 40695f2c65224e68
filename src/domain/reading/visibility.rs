//! Which events of a conversation a user may read: those of their memberships' intervals; with shared history, members
//! may read all.

use crate::domain::auth::caller::Caller;
use crate::domain::error::Error;
use crate::domain::reading::message_view;
use crate::domain::reading::message_view::VisibleIntervals;
use crate::domain::service::Domain;
use crate::ids::{ConversationId, MessageId, Position, UserId};
use crate::log::history::Interval;
use crate::log::{Event, read};
use crate::store::conversations::ConversationRow;
use crate::store::members::Membership;
use crate::store::{Connection, EventKind, History, conversations, members};
use crate::wire;
use std::collections::HashMap;

/// A conversation, and what a user may read of it.
#[derive(Clone, Debug)]
pub struct ConversationAccess {
    pub reader: UserId,
    pub conversation: ConversationRow,
    /// The reader's present membership.
    pub present: Option<Membership>,
    /// The intervals that the reader may read, disjoint and in ascending order.
    pub intervals: Vec<Interval>,
}

impl ConversationAccess {
    /// Whether an event at `position` may be read.
    pub fn covers(&self, position: Position) -> bool {
        self.intervals.iter().any(|interval| interval.contains(position))
    }

    /// The present membership.
    ///
    /// # Errors
    /// [`Error::NotFound`] for former members, who may only read their history.
    pub fn present(&self) -> Result<&Membership, Error> {
        self.present.as_ref().ok_or(Error::NotFound)
    }

    /// The intervals, keyed by the conversation.
    pub fn visible_intervals(&self) -> VisibleIntervals {
        VisibleIntervals::from([(self.conversation.id, self.intervals.clone())])
    }

    /// Finds a message of the conversation that may be read: its `message.created`.
    pub async fn find(&self, connection: &mut Connection, id: MessageId) -> Result<Option<Event>, Error> {
        let event = created(connection, id).await?;
        Ok(event.filter(|event| event.conversation == self.conversation.id && self.covers(event.position)))
    }

    /// Makes the view of a message of the conversation, given by its `message.created`.
    pub async fn view_message(&self, connection: &mut Connection, event: &Event) -> Result<wire::Message, Error> {
        let shown = message_view::view_messages(
            connection,
            self.reader,
            std::slice::from_ref(event),
            &self.visible_intervals(),
        )
        .await?;
        shown.into_iter().next().ok_or(Error::NotFound)
    }
}

/// Reads what the caller may read of a conversation.
///
/// # Errors
/// [`Error::NotFound`] for users who never were members, whether or not the conversation exists.
pub async fn of(connection: &mut Connection, caller: &Caller, id: ConversationId) -> Result<ConversationAccess, Error> {
    let reader = caller.user.id;
    let memberships = members::of_user(connection, id, reader).await?;
    if memberships.is_empty() {
        return Err(Error::NotFound);
    }
    let conversation = conversations::by_id(connection, id).await?.ok_or(Error::NotFound)?;
    let present = memberships.last().filter(|membership| membership.left_at.is_none()).cloned();
    let intervals = intervals(conversation.history, &memberships);
    Ok(ConversationAccess { reader, conversation, present, intervals })
}

/// Finds a message that the caller may read: its `message.created`, and what the caller may read of its conversation.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn message(
    connection: &mut Connection,
    caller: &Caller,
    id: MessageId,
) -> Result<(Event, ConversationAccess), Error> {
    let event = created(connection, id).await?.ok_or(Error::NotFound)?;
    let access = of(connection, caller, event.conversation).await?;
    if !access.covers(event.position) {
        return Err(Error::NotFound);
    }
    Ok((event, access))
}

/// Reads what a user may read of all conversations.
pub async fn everywhere(connection: &mut Connection, reader: UserId) -> Result<VisibleIntervals, Error> {
    let mut own: HashMap<_, (History, Vec<Interval>)> = HashMap::new();
    for membership in members::intervals_of_user(connection, reader).await? {
        let (_, intervals) = own.entry(membership.conversation).or_insert((membership.history, Vec::new()));
        intervals.push(interval(membership.joined_at, membership.left_at));
    }
    Ok(own.into_iter().map(|(id, (history, intervals))| (id, opened(history, intervals))).collect())
}

/// The intervals that the memberships of one user, the oldest first, make readable.
pub fn intervals(history: History, memberships: &[Membership]) -> Vec<Interval> {
    let intervals = memberships.iter().map(|membership| interval(membership.joined_at, membership.left_at));
    opened(history, intervals.collect())
}

fn opened(history: History, intervals: Vec<Interval>) -> Vec<Interval> {
    let is_member = intervals.last().is_some_and(|interval| interval.last == Position::MAX);
    if is_member && history == History::Shared {
        return vec![Interval { first: Position::ZERO, last: Position::MAX }];
    }
    intervals
}

fn interval(joined_at: Position, left_at: Option<Position>) -> Interval {
    Interval { first: joined_at, last: left_at.unwrap_or(Position::MAX) }
}

/// The `message.created` of a message, if there is one.
async fn created(connection: &mut Connection, id: MessageId) -> Result<Option<Event>, Error> {
    let known = read::find_write(connection, id.into()).await?;
    let Some(known) = known.filter(|known| known.kind == EventKind::MessageCreated) else { return Ok(None) };
    Ok(read::events_at(connection, &[known.position]).await?.pop())
}

impl Domain {
    /// Checks that the caller is or was a member of a conversation.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn check_follows(&self, caller: &Caller, id: ConversationId) -> Result<(), Error> {
        of(&mut *self.connection().await?, caller, id).await.map(|_| ())
    }
}
