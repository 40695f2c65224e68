//! Conversations, and what events tell of them.

use super::message::Message;
use super::time::Timestamp;
use super::user::User;
use crate::ids::ConversationId;
use crate::store::{ConversationKind, History, MemberRole, conversations};
use serde::Serialize;
use utoipa::ToSchema;

/// A conversation, as one of its members sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Conversation {
    pub id: ConversationId,
    pub kind: ConversationKind,
    #[schema(example = "Lunch")]
    pub title: Option<String>,
    pub history: History,
    pub members_count: i64,
    /// The other user of a direct conversation.
    pub peer: Option<User>,
    /// What I am here.
    pub role: MemberRole,
    pub archived: bool,
    pub muted: bool,
    /// Messages of others that I have not read, up to 1,000.
    pub unread: i64,
    /// Those of them that name me, up to 1,000.
    pub mentions: i64,
    /// Cursor up to which I have read.
    pub read: String,
    pub last_message: Option<Message>,
    pub created_at: Timestamp,
}

/// A conversation, as events tell of it: the same for everybody.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ConversationInEvent {
    pub id: ConversationId,
    pub kind: ConversationKind,
    pub title: Option<String>,
    pub history: History,
    pub members_count: i64,
    pub created_at: Timestamp,
    /// The first members, in `conversation.created`; null where there are more than 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Option<Vec<Participant>>>,
    /// In events that only one member gets: what that one has set.
    #[serde(flatten)]
    pub own: Option<OwnSettings>,
}

/// A first member of a conversation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Participant {
    pub user: User,
    pub role: MemberRole,
}

impl ConversationInEvent {
    /// What events but the first tell.
    pub fn new(conversation: &conversations::ConversationRow, members_count: i64) -> Self {
        Self {
            id: conversation.id,
            kind: conversation.kind,
            title: conversation.title.clone(),
            history: conversation.history,
            members_count,
            created_at: Timestamp(conversation.created_at),
            members: None,
            own: None,
        }
    }
}

/// The `data` of events about a conversation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ConversationData {
    pub conversation: ConversationInEvent,
}

/// What one member alone has set, as an event tells of it.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct OwnSettings {
    pub archived: bool,
    pub muted: bool,
}

/// How far a member has read.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReadData {
    pub user: User,
    /// Cursor up to which the user has read.
    pub read: String,
}

/// How far I have read.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReadState {
    /// Cursor up to which I have read.
    pub read: String,
    /// Messages of others that I have not read, up to 1,000.
    pub unread: i64,
}

/// How far a member has read, with a message in view.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReadReceipt {
    pub user: User,
    /// Cursor up to which the user has read.
    pub read: String,
    /// Whether that holds the message.
    pub has_read: bool,
}
