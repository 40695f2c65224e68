//! The schema: which migrations and SQL functions there are, and how a database gets them.
//!
//! Tables change by migrations, which are applied once and never edited. SQL functions have one current file each, which
//! is applied again when its text has changed. `migrations/README.md` says how to change either while nodes run.

mod checksum;
mod error;
mod runner;
mod schema_files;

pub use error::MigrationError;
pub use runner::{apply, migrate, revert_all};
pub use schema_files::{CURRENT_SCHEMA, Migration, SchemaFiles, SqlFunction};
