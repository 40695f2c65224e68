//! Conversations as one of their members sees them: one, and the list.

use crate::domain::auth::caller::Caller;
use crate::domain::common::pagination::truncate_to_page;
use crate::domain::error::Error;
use crate::domain::reading::message_view::VisibleIntervals;
use crate::domain::reading::{message_view, visibility};
use crate::domain::service::Domain;
use crate::ids::{ConversationId, Position, UserId};
use crate::log::{epoch, inbox, read};
use crate::store::members::{MemberSettings, Membership};
use crate::store::{Connection, ConversationKind, conversations, members};
use crate::wire;
use std::collections::HashMap;

/// A page of the caller's conversations.
#[derive(Clone, Debug)]
pub struct ConversationPage {
    pub items: Vec<wire::Conversation>,
    pub next: Option<(Position, ConversationId)>,
    /// The items reflect all events up to here.
    pub cursor: String,
}

impl Domain {
    /// One of the caller's conversations.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for former members.
    pub async fn conversation(&self, caller: &Caller, id: ConversationId) -> Result<wire::Conversation, Error> {
        let mut connection = self.connection().await?;
        let page = inbox::InboxQuery { only: Some(id), after: None, limit: 1 };
        let entries = inbox::page(&mut connection, caller.user.id, page).await?;
        let mut views = views(&mut connection, caller.user.id, &entries).await?;
        views.pop().ok_or(Error::NotFound)
    }

    /// The conversation that a replay answers with, also if the caller has left meanwhile.
    pub(super) async fn conversation_as_left(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<wire::Conversation, Error> {
        match self.conversation(caller, id).await {
            Err(Error::NotFound) => {
                let mut connection = self.connection().await?;
                let left = members::of_user(&mut connection, id, caller.user.id).await?;
                let left = left.into_iter().next_back().ok_or(Error::NotFound)?;
                let entry = inbox::InboxEntry {
                    conversation: id,
                    sort_position: left.joined_at,
                    newest: None,
                    read: left.joined_at,
                    unread: 0,
                    mentions: 0,
                };
                let mut view = views(&mut connection, caller.user.id, &[entry]).await?.pop().ok_or(Error::NotFound)?;
                let left_at = left.left_at.unwrap_or(left.joined_at);
                view.members_count = members::count_at(&mut connection, id, left_at).await?;
                Ok(view)
            }
            found => found,
        }
    }

    /// The caller's conversations, newest message first, after one of them.
    pub async fn list_conversations(
        &self,
        caller: &Caller,
        after: Option<(Position, ConversationId)>,
        limit: usize,
    ) -> Result<ConversationPage, Error> {
        let mut connection = self.connection().await?;
        // Read before the list, so that the list reflects all events up to it.
        let head = epoch::load(&mut connection, Position::ZERO).await?.head();
        let page = inbox::InboxQuery { only: None, after, limit: limit as i64 + 1 };
        let mut entries = inbox::page(&mut connection, caller.user.id, page).await?;
        let more = truncate_to_page(&mut entries, limit);
        let next = entries.last().filter(|_| more).map(|entry| (entry.sort_position, entry.conversation));
        let items = views(&mut connection, caller.user.id, &entries).await?;
        Ok(ConversationPage { items, next, cursor: head.to_string() })
    }
}

/// Reads all that a client sees of inbox entries; keeps their order.
async fn views(
    connection: &mut Connection,
    user: UserId,
    entries: &[inbox::InboxEntry],
) -> Result<Vec<wire::Conversation>, Error> {
    let ids: Vec<_> = entries.iter().map(|entry| entry.conversation).collect();
    let conversations = conversations::by_ids(connection, &ids).await?;
    let direct: Vec<_> =
        conversations.iter().filter(|found| found.kind == ConversationKind::Direct).map(|found| found.id).collect();
    let mut memberships: HashMap<_, Vec<Membership>> = HashMap::new();
    for (conversation, membership) in members::of_user_in(connection, &ids, user).await? {
        memberships.entry(conversation).or_default().push(membership);
    }
    let own = |id| memberships.get(&id).map(Vec::as_slice).unwrap_or_default();
    let intervals = conversations.iter().map(|found| (found.id, visibility::intervals(found.history, own(found.id))));
    let intervals = intervals.collect();
    let mut conversations: HashMap<_, _> = conversations.into_iter().map(|found| (found.id, found)).collect();
    let counts: HashMap<_, _> = members::count(connection, &ids).await?.into_iter().collect();
    let mut peers: HashMap<_, _> = members::peers(connection, &direct, user).await?.into_iter().collect();
    let mut newest = newest(connection, user, entries, &intervals).await?;
    let state = epoch::load(connection, Position::ZERO).await?;
    let mut views = Vec::with_capacity(entries.len());
    for entry in entries {
        let id = entry.conversation;
        let (Some(conversation), Some(last)) = (conversations.remove(&id), own(id).last()) else { continue };
        let settings = if last.left_at.is_none() { last.settings } else { MemberSettings::default() };
        views.push(wire::Conversation {
            id,
            kind: conversation.kind,
            title: conversation.title,
            history: conversation.history,
            members_count: counts.get(&id).copied().unwrap_or(0),
            peer: peers.remove(&id).map(Into::into),
            role: last.role,
            archived: settings.archived,
            muted: settings.muted,
            unread: entry.unread,
            mentions: entry.mentions,
            read: state.cursor_at(entry.read).to_string(),
            last_message: newest.remove(&id),
            created_at: wire::Timestamp(conversation.created_at),
        });
    }
    Ok(views)
}

async fn newest(
    connection: &mut Connection,
    user: UserId,
    entries: &[inbox::InboxEntry],
    intervals: &VisibleIntervals,
) -> Result<HashMap<ConversationId, wire::Message>, Error> {
    let positions: Vec<_> = entries.iter().filter_map(|entry| entry.newest).collect();
    let events = read::events_at(connection, &positions).await?;
    let messages = message_view::view_messages(connection, user, &events, intervals).await?;
    Ok(messages.into_iter().map(|message| (message.conversation_id, message)).collect())
}
