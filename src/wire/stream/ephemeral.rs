//! Events that are delivered live and not stored: typing and presence.

use super::event::Actor;
use super::framing::{Frame, Framing};
use crate::ids::ConversationId;
use crate::wire::time::Timestamp;
use crate::wire::user::User;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::OnceLock;
use utoipa::ToSchema;

/// What an ephemeral event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EphemeralKind {
    Typing,
    Presence,
}

impl EphemeralKind {
    /// The word that streams and JSON have.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Typing => "typing",
            Self::Presence => "presence",
        }
    }
}

/// An event that is delivered live only: without a cursor, because the one that a client holds stays as it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct EphemeralEvent<'a> {
    #[serde(rename = "type")]
    kind: EphemeralKind,
    time: Timestamp,
    /// Null for `presence`.
    conversation_id: Option<ConversationId>,
    actor: Actor<'a>,
    data: EphemeralData<'a>,
}

/// Whom an ephemeral event is about.
#[derive(Debug, Serialize, ToSchema)]
struct EphemeralData<'a> {
    user: &'a User,
    /// Of `presence` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<bool>,
}

/// An ephemeral event with its encodings, each made at its first use and shared from then on.
#[derive(Debug)]
pub struct Ephemeral {
    kind: EphemeralKind,
    json: Box<RawValue>,
    frames: [OnceLock<Frame>; 2],
}

impl Ephemeral {
    /// Tells that a user is typing.
    pub fn typing(user: &User, conversation: ConversationId) -> Self {
        Self::new(EphemeralKind::Typing, Some(conversation), user, None)
    }

    /// Tells that a user has come or gone.
    pub fn presence(user: &User, online: bool) -> Self {
        Self::new(EphemeralKind::Presence, None, user, Some(online))
    }

    /// Wraps JSON that another node has encoded; `None` if it has a line break and cannot be framed.
    pub fn of(kind: EphemeralKind, json: Box<RawValue>) -> Option<Self> {
        (!json.get().contains(['\n', '\r'])).then(|| Self { kind, json, frames: Default::default() })
    }

    fn new(kind: EphemeralKind, conversation_id: Option<ConversationId>, user: &User, online: Option<bool>) -> Self {
        let actor = Actor { id: user.id, name: Cow::Borrowed(&user.name) };
        let time = Timestamp(chrono::Utc::now());
        let event = EphemeralEvent { kind, time, conversation_id, actor, data: EphemeralData { user, online } };
        // Strings, ids and a flag: nothing that could fail.
        let json = serde_json::value::to_raw_value(&event).unwrap_or_default();
        Self { kind, json, frames: Default::default() }
    }

    /// The JSON object, on one line.
    pub fn json(&self) -> &RawValue {
        &self.json
    }

    /// The bytes of a stream.
    pub fn framed(&self, framing: Framing) -> &Frame {
        let frame = || framing.live(self.kind.as_str(), self.json.get().as_bytes());
        self.frames[framing as usize].get_or_init(frame)
    }
}

#[cfg(test)]
#[path = "tests/ephemeral.rs"]
mod tests;
