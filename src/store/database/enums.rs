//! Enums that are text in the database and in JSON.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! text_enums {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:tt,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, AsExpression, FromSqlRow)]
        #[diesel(sql_type = Text)]
        pub enum $name {
            $($(#[$word_doc])* #[serde(rename = $text)] $word,)*
        }

        impl $name {
            /// Returns the text of the database and of JSON.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => $text,)*
                }
            }

            /// Reads the text of the database and of JSON.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$word),)*
                    _ => None,
                }
            }
        }

        impl FromSql<Text, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                let text = <String as FromSql<Text, Pg>>::from_sql(value)?;
                Self::parse(&text).ok_or_else(|| format!("unknown {}: {text}", stringify!($name)).into())
            }
        }

        impl ToSql<Text, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                <str as ToSql<Text, Pg>>::to_sql(self.as_str(), out)
            }
        }
    )*};
}

text_enums! {
    /// What a user may do to the deployment.
    UserRole {
        User = "user",
        Bot = "bot",
        Admin = "admin",
    }

    /// What a conversation is.
    ConversationKind {
        /// Two users, for ever.
        Direct = "direct",
        /// Any number of users, who come and go.
        Group = "group",
    }

    /// What of a conversation's past its members may read.
    History {
        /// From joining on.
        Joined = "joined",
        /// All of it, while they are members.
        Shared = "shared",
    }

    /// What a member may do to a conversation; later ones may do more.
    MemberRole {
        Member = "member",
        Admin = "admin",
        Owner = "owner",
    }

    /// How a client receives.
    Transport {
        /// A stream of Server-Sent Events.
        Sse = "sse",
        /// A stream of one object a line.
        Ndjson = "ndjson",
        /// Polls, one after the other.
        Poll = "poll",
    }

    /// Whether a webhook gets events.
    WebhookState {
        Active = "active",
        Paused = "paused",
    }

    /// What an event of the log tells.
    EventKind {
        MessageCreated = "message.created",
        MessageEdited = "message.edited",
        MessageDeleted = "message.deleted",
        ReactionAdded = "reaction.added",
        ReactionRemoved = "reaction.removed",
        ConversationCreated = "conversation.created",
        ConversationUpdated = "conversation.updated",
        ConversationDeleted = "conversation.deleted",
        ConversationRead = "conversation.read",
        MemberJoined = "member.joined",
        MemberUpdated = "member.updated",
        MemberLeft = "member.left",
    }
}
