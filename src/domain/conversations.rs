//! Conversations: making, listing, looking at one.

use super::founding::{Founded, Founding, direct_key};
use super::idempotency::Asked;
use super::showing::{self, Sights};
use super::{Caller, Domain, Error, cut, invalid, names, text, visibility};
use crate::ids::{ConversationId, Position, UserId};
use crate::log::{ChangeOutcome, epoch, inbox, read};
use crate::store::members::{MemberSettings, Membership};
use crate::store::{Connection, ConversationKind, History, conversations, members};
use crate::wire;
use std::collections::HashMap;

/// A conversation that somebody wants to have.
#[derive(Debug)]
pub struct Wanted {
    pub kind: ConversationKind,
    pub title: Option<String>,
    pub members: Vec<String>,
    pub history: Option<History>,
}

/// What a request that creates something answers.
#[derive(Clone, Debug)]
pub struct Created<T> {
    pub thing: T,
    /// Whether it was made by this request, or by an earlier one with the same key.
    pub created: bool,
    pub replayed: bool,
}

/// A part of the caller's conversations.
#[derive(Clone, Debug)]
pub struct Listed {
    pub items: Vec<wire::Conversation>,
    pub next: Option<(Position, ConversationId)>,
    /// The items hold everything up to here.
    pub cursor: String,
}

impl Domain {
    /// Makes a conversation, or finds the direct one that exists.
    ///
    /// # Errors
    /// [`Error::Invalid`], and those of keys.
    pub async fn create_conversation(
        &self,
        caller: &Caller,
        wanted: Wanted,
        asked: Asked<'_>,
    ) -> Result<Created<wire::Conversation>, Error> {
        let key = self.0.marks.key(caller.user.id, asked);
        if self.replayed(asked, &key).await?.is_some() {
            return self.replayed_conversation(caller, ConversationId(key.id.0)).await;
        }
        let others = names::find_others(&mut *self.connection().await?, caller, "members", &wanted.members).await?;
        self.check_wanted(&wanted, others.len())?;
        let founding = Founding {
            id: ConversationId(key.id.0),
            key,
            kind: wanted.kind,
            title: wanted.title,
            history: wanted.history.unwrap_or(History::Joined),
            founder: caller.user.clone(),
            direct_key: (wanted.kind == ConversationKind::Direct)
                .then(|| direct_key(wanted.kind, &caller.user, &others)),
            others,
            message: None,
        };
        let id = founding.id;
        match self.0.log.change(founding).await? {
            ChangeOutcome::Applied(Founded { id, existed }, _) => {
                let thing = self.conversation(caller, id).await?;
                Ok(Created { thing, created: !existed, replayed: false })
            }
            ChangeOutcome::Replayed(_) => self.replayed_conversation(caller, id).await,
        }
    }

    async fn replayed_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<Created<wire::Conversation>, Error> {
        let thing = self.conversation_as_left(caller, id).await?;
        Ok(Created { thing, created: true, replayed: true })
    }

    fn check_wanted(&self, wanted: &Wanted, others: usize) -> Result<(), Error> {
        if let Some(title) = &wanted.title {
            text::check_line(title, "title")?;
        }
        match wanted.kind {
            ConversationKind::Direct if wanted.title.is_some() => {
                Err(invalid("title", "a direct conversation has none"))
            }
            ConversationKind::Direct if others != 1 => {
                Err(invalid("members", "a direct conversation takes exactly one other user"))
            }
            ConversationKind::Direct | ConversationKind::Group => self.check_size(others + 1, "members"),
        }
    }

    /// Checks that a conversation may have so many members.
    pub(super) fn check_size(&self, count: usize, field: &str) -> Result<(), Error> {
        let most = self.0.max_members;
        if count > most {
            return Err(invalid(field, format!("makes {count} members, at most {most} are taken")));
        }
        Ok(())
    }

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

    /// The conversation that a replay answers with: what the caller sees of it now, if they have left.
    async fn conversation_as_left(&self, caller: &Caller, id: ConversationId) -> Result<wire::Conversation, Error> {
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
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub async fn list_conversations(
        &self,
        caller: &Caller,
        after: Option<(Position, ConversationId)>,
        limit: usize,
    ) -> Result<Listed, Error> {
        let mut connection = self.connection().await?;
        // Read before the list, so that the list holds all of it.
        let head = epoch::load(&mut connection, Position::ZERO).await?.head();
        let page = inbox::InboxQuery { only: None, after, limit: limit as i64 + 1 };
        let mut entries = inbox::page(&mut connection, caller.user.id, page).await?;
        let more = cut(&mut entries, limit);
        let next = entries.last().filter(|_| more).map(|entry| (entry.sort_position, entry.conversation));
        let items = views(&mut connection, caller.user.id, &entries).await?;
        Ok(Listed { items, next, cursor: head.to_string() })
    }
}

/// Fills inbox entries with all that a client sees of them; keeps their order.
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
    let sights = conversations.iter().map(|found| (found.id, visibility::intervals(found.history, own(found.id))));
    let sights = sights.collect();
    let mut conversations: HashMap<_, _> = conversations.into_iter().map(|found| (found.id, found)).collect();
    let counts: HashMap<_, _> = members::count(connection, &ids).await?.into_iter().collect();
    let mut peers: HashMap<_, _> = members::peers(connection, &direct, user).await?.into_iter().collect();
    let mut newest = newest(connection, user, entries, &sights).await?;
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
    sights: &Sights,
) -> Result<HashMap<ConversationId, wire::Message>, Error> {
    let positions: Vec<_> = entries.iter().filter_map(|entry| entry.newest).collect();
    let events = read::events_at(connection, &positions).await?;
    let messages = showing::show(connection, user, &events, sights).await?;
    Ok(messages.into_iter().map(|message| (message.conversation_id, message)).collect())
}
