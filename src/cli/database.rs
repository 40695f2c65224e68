//! The database of a command.

use crate::app::DatabaseServer;
use crate::config::DatabaseConfig;
use crate::store::embedded::Embedded;

/// Opens the database that the settings name. An embedded PostgreSQL that another process runs is used as it is; else it
/// is started.
///
/// # Errors
/// The embedded PostgreSQL cannot be started.
pub async fn open(config: &DatabaseConfig) -> anyhow::Result<DatabaseServer> {
    if config.database_url.is_none()
        && let Some(url) = Embedded::running(&config.data_dir())
    {
        return Ok(DatabaseServer::external(url));
    }
    DatabaseServer::open(config).await
}
