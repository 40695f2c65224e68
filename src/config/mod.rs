//! Every setting of the server: its flag, its environment variable, its default and the reason for it.
//!
//! An invalid setting stops the start with one line that names it. `cli` parses the settings; `app` passes each on to
//! the part of the server that needs it. A secret has a type of its own that no log can show.

mod attachment_storage;
mod database;
mod origins;
mod secret;
mod serve;
mod switch;
mod tokens;

pub use attachment_storage::AttachmentStorage;
pub use database::DatabaseConfig;
pub use origins::AllowedOrigins;
pub use secret::Secret;
pub use serve::Config;
pub use switch::Switch;
pub use tokens::TokenConfig;
