//! Read marks: how far each member has read.

use crate::domain::auth::caller::Caller;
use crate::domain::common::pagination::truncate_to_page;
use crate::domain::conversations::read_mark_writer::MAX_MEMBERS_FOR_SHARED_MARKS;
use crate::domain::error::Error;
use crate::domain::reading::history::HistoryBound;
use crate::domain::reading::{history, visibility};
use crate::domain::service::Domain;
use crate::ids::{ConversationId, MessageId, Position, UserId};
use crate::log::epoch;
use crate::log::inbox;
use crate::store::members;
use crate::store::read_marks;
use crate::wire;

/// A page of read receipts: how far members have read.
#[derive(Clone, Debug)]
pub struct ReadReceiptPage {
    pub items: Vec<wire::ReadReceipt>,
    pub next: Option<(Position, UserId)>,
}

impl Domain {
    /// Moves the caller's read mark, never backwards.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::CursorUnknown`].
    pub async fn mark_read(
        &self,
        caller: &Caller,
        id: ConversationId,
        reached: HistoryBound,
    ) -> Result<wire::ReadState, Error> {
        let mut connection = self.connection().await?;
        let access = visibility::of(&mut connection, caller, id).await?;
        access.present()?;
        let read = history::place(&mut connection, &access, reached).await?;
        drop(connection);
        self.0.read_marks.mark(caller.user.clone(), id, read).await?;
        let mut connection = self.connection().await?;
        let page = inbox::InboxQuery { only: Some(id), after: None, limit: 1 };
        let entries = inbox::page(&mut connection, caller.user.id, page).await?;
        let entry = entries.first().ok_or(Error::NotFound)?;
        let state = epoch::load(&mut connection, entry.read).await?;
        Ok(wire::ReadState { read: state.cursor_at(entry.read).to_string(), unread: entry.unread })
    }

    /// Who has read a message, in order of joining, after one of the members. In large conversations, only the caller
    /// is listed.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for former members.
    pub async fn receipts(
        &self,
        caller: &Caller,
        id: MessageId,
        after: Option<(Position, UserId)>,
        limit: usize,
    ) -> Result<ReadReceiptPage, Error> {
        let mut connection = self.connection().await?;
        let (message, access) = visibility::message(&mut connection, caller, id).await?;
        access.present()?;
        let large =
            members::larger_than(&mut connection, &[message.conversation], MAX_MEMBERS_FOR_SHARED_MARKS).await?;
        let only = (!large.is_empty()).then_some(caller.user.id);
        let mut found =
            read_marks::readers(&mut connection, message.conversation, only, after, limit as i64 + 1).await?;
        let more = truncate_to_page(&mut found, limit);
        let next = found.last().filter(|_| more).map(|(membership, user, _)| (membership.joined_at, user.id));
        let state = epoch::load(&mut connection, Position::ZERO).await?;
        let items = found.into_iter().map(|(_, user, read)| wire::ReadReceipt {
            user: user.into(),
            read: state.cursor_at(read).to_string(),
            has_read: read >= message.position,
        });
        Ok(ReadReceiptPage { items: items.collect(), next })
    }
}
