use crate::ids::{ConversationId, Epoch, MessageId, Position, UserId, WriteId};
use crate::log::cursor::Cursor;
use crate::store::{EventKind, Time};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::{Pg, PgValue};
use diesel::prelude::Queryable;
use diesel::sql_types::Json;

/// One entry of the log.
#[derive(Clone, Debug, Queryable)]
pub struct Event {
    pub position: Position,
    /// The epoch that owns the position.
    pub epoch: Epoch,
    pub conversation: ConversationId,
    pub kind: EventKind,
    pub message: Option<MessageId>,
    pub sender: UserId,
    pub created_at: Time,
    pub payload: EventPayload,
    /// Of a `message.created`: where its last edit or its deletion stands.
    pub current: Option<Position>,
    /// The only user who gets the event.
    pub only_for: Option<UserId>,
}

impl Event {
    /// The cursor of a client that has everything up to this event.
    pub fn cursor(&self) -> Cursor {
        Cursor { epoch: self.epoch, position: self.position }
    }
}

/// The JSON text of what was written; `wire` knows its shapes.
#[derive(Clone, Debug, PartialEq, Eq, FromSqlRow)]
pub struct EventPayload(pub Box<str>);

impl FromSql<Json, Pg> for EventPayload {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(value.as_bytes())?.into()))
    }
}

/// Makes a repeated write harmless: the id of the write, its owner, and a fingerprint of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteKey {
    pub id: WriteId,
    pub owner: UserId,
    /// HMAC of method, path and body.
    pub mac: Vec<u8>,
}

/// An event that is not in the log yet.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub key: WriteKey,
    pub conversation: ConversationId,
    pub kind: EventKind,
    pub message: Option<MessageId>,
    pub sender: UserId,
    pub payload: EventPayload,
    /// The message that this one replies to.
    pub reply_to: Option<MessageId>,
    /// The users whom the message mentions.
    pub mentions: Vec<UserId>,
    /// The only user who gets the event.
    pub only_for: Option<UserId>,
}

impl NewEvent {
    /// Bytes of memory that it holds.
    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.key.mac.len() + self.payload.0.len() + size_of_val(self.mentions.as_slice())
    }

    /// The event as it stands in the log.
    pub(super) fn at(self, position: Position, epoch: Epoch, created_at: Time) -> Event {
        Event {
            position,
            epoch,
            conversation: self.conversation,
            kind: self.kind,
            message: self.message,
            sender: self.sender,
            created_at,
            payload: self.payload,
            current: None,
            only_for: self.only_for,
        }
    }
}
