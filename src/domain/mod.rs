//! The rules: who may do what, and the writes that follow from it.
//!
//! Everything here answers an [`Error`] that leaves nothing half done. Writes to conversations go through the log and
//! nowhere else, so that what is delivered live is what history holds. Called by `http`; one [`Domain`] a node.

mod accounts;
mod attachments;
mod auth;
mod change_event;
mod common;
mod conversations;
mod error;
mod idempotency;
mod messages;
mod reading;
mod search;
mod service;
mod webhooks;

pub use accounts::administration::{mint_token, set_admin};
pub use accounts::bot_tokens::{BotTokenDraft, IssuedBotToken};
pub use accounts::bots::BotDraft;
pub use accounts::directory::DirectoryKey;
pub use accounts::presence::UserPresence;
pub use accounts::registration::{Credentials, Registration};
pub use attachments::download::ReadableAttachment;
pub use attachments::upload::UploadLabel;
pub use auth::caller::Caller;
pub use conversations::create::ConversationDraft;
pub use conversations::update::ConversationPatch;
pub use error::{Error, invalid};
pub use idempotency::created::Created;
pub use idempotency::request::RequestIdentity;
pub use messages::draft::MessageDraft;
pub use messages::text::is_lone_surrogate;
pub use reading::export::{Export, ExportStart};
pub use reading::history::{HistoryBound, HistoryQuery};
pub use reading::named_cursors::{CursorTarget, NamedCursor};
pub use reading::statistics::{DeploymentReport, StatisticsQuery};
pub use search::indexer::{INDEX_BATCH_TIMEOUT, Indexer};
pub use search::query::{SearchQuery, SearchWords};
pub use search::reindex::{REBUILD_STATEMENT_TIMEOUT, ReindexProgress, reindex};
pub use service::Domain;
pub use webhooks::registry::{RegisteredWebhook, WebhookDraft, WebhookPatch};
pub use webhooks::scheduler::start as start_webhooks;
