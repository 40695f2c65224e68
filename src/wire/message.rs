//! Messages, and what events tell of them.

use super::attachment::Attachment;
use super::payload::{ChangePayload, MessagePayload, ShapeError};
use super::time::Timestamp;
use super::user::User;
use crate::ids::{ConversationId, MessageId, UserId};
use crate::log::{self, Cursor};
use crate::store::Time;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use utoipa::ToSchema;

/// A message.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Message {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub sender: Sender,
    #[schema(example = "hello")]
    pub text: Option<String>,
    pub reply_to: Option<MessageId>,
    /// The users whom the text names.
    pub mentions: Vec<UserId>,
    /// The object that the sender gave.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
    pub attachments: Vec<Attachment>,
    pub reactions: Vec<Reaction>,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    /// The message's place, for `before`, `after` and `read`.
    pub cursor: String,
}

/// Who sent a message, by the names of that time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Sender {
    pub id: UserId,
    #[schema(example = "anna")]
    pub name: String,
    #[schema(example = "Anna")]
    pub display_name: String,
}

/// One emoji under a message.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Reaction {
    #[schema(example = "👍")]
    pub emoji: String,
    pub count: i64,
    /// Whether it is mine too; null in events, which are the same for everybody.
    pub mine: Option<bool>,
}

impl Message {
    /// The message as it stands in a `message.created` or `message.edited` event.
    ///
    /// # Errors
    /// The payload has another shape.
    pub fn from_event(event: &log::Event) -> Result<Self, ShapeError> {
        Ok(Self::from_payload(event, MessagePayload::parse(&event.payload)?))
    }

    /// The message of an event whose payload is known already, so that it need not be parsed.
    pub fn from_payload(event: &log::Event, payload: MessagePayload<'_>) -> Self {
        let edited_at = payload.first.is_some().then_some(Timestamp(event.created_at));
        let (cursor, created_at) = match payload.first {
            Some(first) => (first.cursor.into_owned(), first.created_at),
            None => (event.cursor().to_string(), event.created_at),
        };
        Self {
            id: event.message.unwrap_or(MessageId(uuid::Uuid::nil())),
            conversation_id: event.conversation,
            sender: Sender {
                id: event.sender,
                name: payload.sender.name.into_owned(),
                display_name: payload.sender.display_name.into_owned(),
            },
            text: payload.text.map(Cow::into_owned),
            reply_to: payload.reply_to,
            mentions: payload.mentions,
            metadata: payload.metadata.map(ToOwned::to_owned),
            attachments: payload.attachments,
            reactions: Vec::new(),
            created_at: Timestamp(created_at),
            edited_at,
            deleted_at: None,
            cursor,
        }
    }

    /// What is left of the message of an event that was deleted.
    ///
    /// # Errors
    /// The payload has another shape.
    pub fn from_deleted(event: &log::Event, deleted_at: Time) -> Result<Self, ShapeError> {
        let payload = MessagePayload::parse(&event.payload)?.without_content();
        Ok(Self { deleted_at: Some(Timestamp(deleted_at)), ..Self::from_payload(event, payload) })
    }
}

/// The `data` of events about a message.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MessageData {
    pub message: Message,
}

impl MessageData {
    /// Where the message of a `message.deleted` event was created.
    pub fn place(event: &log::Event) -> Option<Cursor> {
        let payload = ChangePayload::parse(&event.payload).ok()?;
        let data: serde_json::Value = serde_json::from_str(payload.data.get()).ok()?;
        Cursor::parse(data["message"]["cursor"].as_str()?)
    }
}

/// The `data` of events about a reaction.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReactionData {
    pub message_id: MessageId,
    #[schema(example = "👍")]
    pub emoji: String,
    pub user: User,
}

/// The text of a message for a while.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Version {
    #[schema(example = "hello")]
    pub text: String,
    /// Since when.
    pub at: Timestamp,
}
