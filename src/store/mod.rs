//! PostgreSQL: connections, schema, and one file a table. Beside it, the bytes of attachments ([`files`]).
//!
//! Nothing here knows a rule of the domain; nothing above writes SQL but `log`, which owns its own tables. Rows of
//! `conversations` and `members` are written by callers that hold the log's lock (lock first, rows after).

pub mod advisory_keys;
pub mod attachments;
pub mod bots;
pub mod company;
mod confirm;
mod connect;
pub mod connections;
pub mod conversations;
pub mod cursors;
pub mod deletions;
pub mod directory;
pub mod discards;
pub mod embedded;
mod error;
pub mod files;
pub mod marks;
pub mod members;
pub mod migrations;
pub mod nodes;
mod pool;
pub mod reactions;
mod rounds;
pub mod schema;
pub mod search;
pub mod secrets;
pub mod sessions;
pub mod sql;
pub mod tickets;
pub mod users;
pub mod webhooks;
mod words;

pub use confirm::confirm;
pub use connect::{Driver, connect};
pub use error::StoreError;
pub use migrations::{migrate, revert_all};
pub use pool::{ANSWER, Pool, Pooled};
pub use rounds::Rounds;
pub use words::{ConversationKind, EventKind, History, MemberRole, Transport, UserRole, WebhookState};

/// A time as PostgreSQL has it.
pub type Time = chrono::DateTime<chrono::Utc>;
/// A connection that queries run on.
pub type Connection = diesel_async::AsyncPgConnection;
