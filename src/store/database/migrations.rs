use crate::store::database::connect::{Connection, open_connection};
use crate::store::database::error::StoreError;
use diesel_async::{AsyncMigrationHarness, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Brings the schema up to date. Nodes that start together wait for each other.
///
/// # Errors
/// [`StoreError`], with the migration's own error as its source.
pub async fn migrate(url: &str) -> Result<(), StoreError> {
    with_harness(url, |harness| harness.run_pending_migrations(MIGRATIONS).map(|_| ())).await
}

/// Takes the whole schema down, data included.
///
/// # Errors
/// As [`migrate`].
pub async fn revert_all(url: &str) -> Result<(), StoreError> {
    with_harness(url, |harness| harness.revert_all_migrations(MIGRATIONS).map(|_| ())).await
}

type Harness = AsyncMigrationHarness<Connection>;
type MigrationResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn with_harness(url: &str, work: fn(&mut Harness) -> MigrationResult) -> Result<(), StoreError> {
    // The driver ends with this function: the migrations hold the connection while they run.
    let (mut connection, _driver) = open_connection(url).await?.into_parts();
    // Held until the connection closes.
    connection.batch_execute("SELECT pg_advisory_lock(7809641251763024743); SET client_min_messages = warning").await?;
    let done = tokio::task::spawn_blocking(move || work(&mut Harness::new(connection))).await;
    match done {
        Ok(outcome) => outcome.map_err(StoreError::Migration),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
