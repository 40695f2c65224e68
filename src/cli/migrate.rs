//! `longwave migrate`.

use super::database;
use crate::config::DatabaseConfig;
use crate::store;
use anyhow::Context;

/// Runs the pending migrations.
///
/// # Errors
/// PostgreSQL cannot be started or reached, or a migration fails.
pub async fn migrate(config: &DatabaseConfig) -> anyhow::Result<()> {
    let server = database::open(config).await?;
    let migrated = store::migrate(server.url()).await;
    server.close().await?;
    migrated.context("cannot bring the schema up to date")
}
