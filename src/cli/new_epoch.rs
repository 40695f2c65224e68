//! `longwave new-epoch`.

use super::database;
use crate::config::DatabaseConfig;
use crate::log;
use anyhow::Context;

/// Starts a new epoch of the log, after a snapshot was restored, and prints its number.
///
/// # Errors
/// PostgreSQL cannot be started, reached or written to.
pub async fn new_epoch(config: &DatabaseConfig) -> anyhow::Result<()> {
    let server = database::open(config).await?;
    let epoch = log::new_epoch(server.url()).await;
    server.close().await?;
    println!("new epoch {}", epoch.context("cannot begin a new epoch")?.0);
    Ok(())
}
