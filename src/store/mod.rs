//! All that is kept: rows in PostgreSQL, and the bytes of attachments.
//!
//! - [`database`]: connections, the pool, errors, and the schema.
//! - [`tables`]: the queries, one file a table.
//! - [`files`]: the bytes of attachments, in a directory or in a bucket.
//! - [`embedded`]: the PostgreSQL that the server runs itself when it is given no database.
//!
//! Nothing here knows a rule of the domain, and nothing above writes SQL but `log`, which owns its own tables. Rows of
//! `conversations` and `members` are written by callers that hold the log's lock: they take the lock first and rows after,
//! because the other order deadlocks.

mod database;
pub mod embedded;
pub mod files;
mod tables;

pub use database::advisory_keys;
pub use database::connect::{Connection, DrivenConnection, Driver, connect, open_connection};
pub use database::data_loader::DataLoader;
pub use database::durability_barrier::durability_barrier;
pub use database::enums::{ConversationKind, EventKind, History, MemberRole, Transport, UserRole, WebhookState};
pub use database::error::StoreError;
pub use database::error_class::{ErrorClass, classify, sqlstate};
pub use database::migrations::{self, migrate, revert_all};
pub use database::pool::{Pool, PooledConnection};
pub use database::sql::{self, Time};
pub use tables::accounts::{account_deletions, bots, sessions, tickets, user_directory, users};
pub use tables::messaging::{conversations, members, reactions, read_marks, shared_conversations};
pub use tables::presence::{connections, nodes};
pub use tables::{attachments, cursors, orphaned_objects, search, secrets, webhook_leases, webhooks};
