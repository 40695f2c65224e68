//! Newtypes for what is identified by a UUID or a number, so that no bare [`Uuid`] or `i64` crosses a public function.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize, ToSchema, AsExpression, FromSqlRow)]
        #[serde(transparent)]
        #[diesel(sql_type = sql_types::Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a new id, which sorts after those made before it on this machine.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Reads the 36-character form, and no other that [`Uuid::parse_str`] would take.
            pub fn parse(text: &str) -> Option<Self> {
                parse_uuid(text).map(Self)
            }
        }

        impl FromSql<sql_types::Uuid, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                Uuid::from_sql(value).map(Self)
            }
        }

        impl ToSql<sql_types::Uuid, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                ToSql::<sql_types::Uuid, Pg>::to_sql(&self.0, out)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

id! {
    /// A user.
    UserId;
    /// One login of one device.
    SessionId;
    /// A conversation.
    ConversationId;
    /// A message; also the id of the log write that made it.
    MessageId;
    /// An uploaded file.
    AttachmentId;
    /// The bytes of one upload, in the storage of attachments.
    ObjectId;
    /// A write to the log: what makes its repetition harmless.
    WriteId;
    /// One live stream or waiting poll.
    ConnectionId;
    /// One run of a node.
    NodeId;
    /// One HTTP request.
    RequestId;
    /// Where events are posted to.
    WebhookId;
    /// One run of deliveries to a webhook.
    LeaseId;
}

/// An event's place in the log: 1, 2, 3 … in the order of commits; 0 is before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::BigInt)]
pub struct Position(pub i64);

impl Position {
    /// Before the first event.
    pub const ZERO: Self = Self(0);
    /// Above every event.
    pub const MAX: Self = Self(i64::MAX);

    /// The place `count` further on.
    pub fn plus(self, count: usize) -> Self {
        Self(self.0.saturating_add(count as i64))
    }

    /// The next place.
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// The place before.
    pub fn previous(self) -> Self {
        Self(self.0 - 1)
    }
}

/// Identity of one history of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::BigInt)]
pub struct Epoch(pub i64);

macro_rules! number {
    ($($name:ident),*) => {$(
        impl FromSql<sql_types::BigInt, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                <i64 as FromSql<sql_types::BigInt, Pg>>::from_sql(value).map(Self)
            }
        }

        impl ToSql<sql_types::BigInt, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                ToSql::<sql_types::BigInt, Pg>::to_sql(&self.0, out)
            }
        }
    )*};
}

number!(Position, Epoch);

impl From<MessageId> for WriteId {
    fn from(id: MessageId) -> Self {
        Self(id.0)
    }
}

impl From<ConversationId> for WriteId {
    fn from(id: ConversationId) -> Self {
        Self(id.0)
    }
}

impl From<WriteId> for AttachmentId {
    fn from(id: WriteId) -> Self {
        Self(id.0)
    }
}

/// Reads a UUID in its 36-character form.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() != 36 {
        return None;
    }
    Uuid::try_parse(text).ok()
}
