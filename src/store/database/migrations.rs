use crate::store::database::connect::{Connection, connect};
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
    let (client, driver) = connect(url).await?;
    let mut connection = Connection::try_from_client_and_connection(client, driver)
        .await
        .map_err(|error| StoreError::Unreachable(Box::new(error)))?;
    // Held until the connection closes.
    connection.batch_execute("SELECT pg_advisory_lock(7809641251763024743); SET client_min_messages = warning").await?;
    let done = tokio::task::spawn_blocking(move || work(&mut Harness::new(connection))).await;
    match done {
        Ok(outcome) => outcome.map_err(StoreError::Migration),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
