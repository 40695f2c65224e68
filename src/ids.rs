//! Newtypes of identifiers and positions, so that no bare [`Uuid`] or `i64` crosses a public function.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;
use uuid::Uuid;

/// Defines newtypes of UUIDs with their conversions for JSON and PostgreSQL.
macro_rules! uuid_newtypes {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize, ToSchema, AsExpression, FromSqlRow)]
        #[serde(transparent)]
        #[diesel(sql_type = sql_types::Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a new id (UUID version 7). It sorts after those that this process made before.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Parses the hyphenated form of 36 characters, and none of the other forms that [`Uuid::parse_str`] accepts.
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

// The OpenAPI document has these comments as descriptions.
uuid_newtypes! {
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
    /// The stored bytes of one upload, in the directory or bucket of attachments.
    ObjectId;
    /// A write to the log. The log drops a write whose id it has already, so a write can be retried safely.
    WriteId;
    /// One live stream or waiting poll.
    ConnectionId;
    /// One run of a node.
    NodeId;
    /// One HTTP request.
    RequestId;
    /// Where events are posted to.
    WebhookId;
    /// The lease under which one node posts to a webhook.
    LeaseId;
}

/// The place of an event in the log: 1, 2, 3 … in the order of commits, without gaps. 0 is before the first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::BigInt)]
pub struct Position(pub i64);

impl Position {
    /// Before the first event.
    pub const ZERO: Self = Self(0);
    /// Above every event.
    pub const MAX: Self = Self(i64::MAX);

    /// The position `count` places later.
    pub fn plus(self, count: usize) -> Self {
        Self(self.0.saturating_add(count as i64))
    }

    /// The next position.
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// The position before this one.
    pub fn previous(self) -> Self {
        Self(self.0 - 1)
    }
}

/// The identity of one history of the log. It changes when the log may have lost its end: at a failover or a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::BigInt)]
pub struct Epoch(pub i64);

/// Implements the conversions of newtypes of `i64` for PostgreSQL.
macro_rules! bigint_conversions {
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

bigint_conversions!(Position, Epoch);

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

/// Parses a UUID in its hyphenated form of 36 characters.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() != 36 {
        return None;
    }
    Uuid::try_parse(text).ok()
}
