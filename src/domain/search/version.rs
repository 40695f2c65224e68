//! Versions of messages: the texts that are indexed and searched.

use crate::ids::Position;
use crate::log::{Cursor, Event};
use crate::store::{EventKind, Time};
use crate::wire::MessagePayload;

/// A version of a message.
pub struct MessageVersion {
    pub text: String,
    /// Where and when the message was sent.
    pub created: Position,
    pub created_at: Time,
}

/// Reads a version of a message; `None` for other events, and where the text is gone.
pub fn read_version(event: &Event) -> Option<MessageVersion> {
    if !matches!(event.kind, EventKind::MessageCreated | EventKind::MessageEdited) {
        return None;
    }
    let payload = MessagePayload::parse(&event.payload).inspect_err(|error| {
        tracing::error!(position = event.position.0, %error, "cannot read a message");
    });
    let payload = payload.ok()?;
    let (created, created_at) = match payload.first {
        Some(first) => (Cursor::parse(&first.cursor)?.position, first.created_at),
        None => (event.position, event.created_at),
    };
    Some(MessageVersion { text: payload.text?.into_owned(), created, created_at })
}
