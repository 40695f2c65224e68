//! The JSON in `events.payload`.

use super::attachment::Attachment;
use crate::ids::{MessageId, UserId};
use crate::log::{Event, EventPayload};
use crate::store::{EventKind, Time};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A payload does not have the shape of its kind of event: something else has written to the log.
#[derive(Debug, thiserror::Error)]
#[error("payload of the log has another shape")]
pub struct ShapeError(#[from] serde_json::Error);

/// The names of a user at the time of the event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Names<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow)]
    pub display_name: Cow<'a, str>,
}

/// The payload of `message.created`, and of `message.edited`, which holds the whole message anew.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MessagePayload<'a> {
    #[serde(borrow)]
    pub sender: Names<'a>,
    /// `None`: the message was deleted.
    #[serde(borrow)]
    pub text: Option<Cow<'a, str>>,
    pub reply_to: Option<MessageId>,
    /// The users whom the text names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<UserId>,
    /// A JSON object on one line.
    #[serde(borrow)]
    pub metadata: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Of an edit: where and when the message was sent.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub first: Option<First<'a>>,
}

/// Where and when an edited message was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct First<'a> {
    #[serde(borrow)]
    pub cursor: Cow<'a, str>,
    pub created_at: Time,
}

/// The payload of all other events: their `data`, as everybody gets it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangePayload<'a> {
    #[serde(borrow)]
    pub actor: Names<'a>,
    #[serde(borrow)]
    pub data: &'a RawValue,
    /// Whose membership begins or ends with the event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concerns: Vec<UserId>,
}

impl MessagePayload<'_> {
    /// What is left of an event with a text when its message is deleted; `None` for other events.
    pub fn blanked(event: &Event) -> Option<Event> {
        if !matches!(event.kind, EventKind::MessageCreated | EventKind::MessageEdited) {
            return None;
        }
        let payload = MessagePayload::parse(&event.payload).ok()?.without_content();
        Some(Event { payload: payload.to_payload(), ..event.clone() })
    }

    /// What is left when the message is deleted: who sent it and when, and what it answers. PostgreSQL does the same to
    /// the payloads in the log.
    pub fn without_content(self) -> Self {
        Self { text: None, mentions: Vec::new(), metadata: None, attachments: Vec::new(), ..self }
    }
}

macro_rules! payload {
    ($name:ident) => {
        impl<'a> $name<'a> {
            /// Reads a payload of the log.
            ///
            /// # Errors
            /// It has another shape.
            pub fn parse(payload: &'a EventPayload) -> Result<Self, ShapeError> {
                Ok(serde_json::from_str(&payload.0)?)
            }

            /// The text for the log.
            ///
            /// # Panics
            /// Never: there is nothing in it that JSON cannot hold.
            pub fn to_payload(&self) -> EventPayload {
                EventPayload(serde_json::to_string(self).expect("payloads are JSON").into())
            }
        }
    };
}

payload!(MessagePayload);
payload!(ChangePayload);
