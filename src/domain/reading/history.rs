//! Reading messages: one, those of a conversation, replies, and the versions of an edited one.

use crate::domain::auth::caller::Caller;
use crate::domain::common::pagination::truncate_to_page;
use crate::domain::error::Error;
use crate::domain::reading::visibility::ConversationAccess;
use crate::domain::reading::{message_view, visibility};
use crate::domain::service::Domain;
use crate::ids::{ConversationId, MessageId, Position};
use crate::log::epoch::{self, CursorStatus};
use crate::log::history::{self, Interval, Order};
use crate::log::{Cursor, Event, versions};
use crate::store::Connection;
use crate::wire::{self, Timestamp};

/// A position in a conversation, as clients give it.
#[derive(Clone, Copy, Debug)]
pub enum HistoryBound {
    Cursor(Cursor),
    Message(MessageId),
}

/// Which messages of a conversation to read.
#[derive(Clone, Copy, Debug)]
pub struct HistoryQuery {
    /// Exclusive.
    pub after: Option<HistoryBound>,
    /// Exclusive.
    pub before: Option<HistoryBound>,
    pub order: Order,
    pub limit: usize,
}

/// A page of messages.
#[derive(Clone, Debug)]
pub struct MessagePage {
    pub items: Vec<wire::Message>,
    /// The cursor of the last of them, if there are more.
    pub next: Option<Cursor>,
}

impl Domain {
    /// One message that the caller may read.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn message(&self, caller: &Caller, id: MessageId) -> Result<wire::Message, Error> {
        let mut connection = self.connection().await?;
        let (event, access) = visibility::message(&mut connection, caller, id).await?;
        access.view_message(&mut connection, &event).await
    }

    /// Messages of a conversation, as far as the caller may read them.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the conversation, and for a bound that is no message of it; [`Error::CursorUnknown`].
    pub async fn history(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        query: HistoryQuery,
    ) -> Result<MessagePage, Error> {
        let mut connection = self.connection().await?;
        let access = visibility::of(&mut connection, caller, conversation).await?;
        let after = match query.after {
            Some(bound) => place(&mut connection, &access, bound).await?.next(),
            None => Position::ZERO,
        };
        let before = match query.before {
            Some(bound) => place(&mut connection, &access, bound).await?.previous(),
            None => Position::MAX,
        };
        let truncate_to_page =
            |interval: &Interval| Interval { first: interval.first.max(after), last: interval.last.min(before) };
        let intervals: Vec<_> =
            access.intervals.iter().map(truncate_to_page).filter(|part| part.first <= part.last).collect();
        let events = history::messages(&mut connection, conversation, &intervals, query.order, query.limit + 1).await?;
        listed(&mut connection, &access, events, query.limit).await
    }

    /// The replies to a message, the oldest first, after one of them.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn replies(
        &self,
        caller: &Caller,
        id: MessageId,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<MessagePage, Error> {
        let mut connection = self.connection().await?;
        let (_, access) = visibility::message(&mut connection, caller, id).await?;
        let after = after.map_or(Position::ZERO, |cursor| cursor.position);
        let events = versions::replies(&mut connection, id, &access.intervals, after, limit + 1).await?;
        listed(&mut connection, &access, events, limit).await
    }

    /// The versions of a message that the caller may read, the oldest first. A deleted one has none.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn edits(&self, caller: &Caller, id: MessageId) -> Result<Vec<wire::Version>, Error> {
        let mut connection = self.connection().await?;
        let (created, access) = visibility::message(&mut connection, caller, id).await?;
        let edits = if created.current.is_some() { versions::edits(&mut connection, id).await? } else { Vec::new() };
        let seen = edits.into_iter().filter(|edit| access.covers(edit.position));
        let mut found = Vec::new();
        for version in [created].into_iter().chain(seen) {
            let text = wire::Message::from_event(&version)?.text;
            found.extend(text.map(|text| wire::Version { text, at: Timestamp(version.created_at) }));
        }
        Ok(found)
    }
}

/// Makes a page of the first `limit` events.
async fn listed(
    connection: &mut Connection,
    access: &ConversationAccess,
    mut events: Vec<Event>,
    limit: usize,
) -> Result<MessagePage, Error> {
    let more = truncate_to_page(&mut events, limit);
    let next = events.last().filter(|_| more).map(Event::cursor);
    let items = message_view::view_messages(connection, access.reader, &events, &access.visible_intervals()).await?;
    Ok(MessagePage { items, next })
}

/// The position of a bound.
///
/// # Errors
/// [`Error::NotFound`] for a message that may not be read, [`Error::CursorUnknown`].
pub async fn place(
    connection: &mut Connection,
    access: &ConversationAccess,
    bound: HistoryBound,
) -> Result<Position, Error> {
    match bound {
        HistoryBound::Cursor(cursor) => match epoch::load(connection, Position::ZERO).await?.check(cursor) {
            CursorStatus::Valid | CursorStatus::Expired => Ok(cursor.position),
            CursorStatus::Unknown => Err(Error::CursorUnknown),
        },
        HistoryBound::Message(id) => match access.find(connection, id).await? {
            Some(event) => Ok(event.position),
            None => Err(Error::NotFound),
        },
    }
}
