//! Brings a database to the schema of this program.
//!
//! All of it is one transaction under an advisory lock: nodes that start together wait for each other, and a failure leaves
//! the schema as it was. Nothing is written when nothing has changed.
//!
//! Programs of two versions may run on one database while nodes are replaced one by one. So an older program starts on a
//! newer schema, says so, and changes back nothing; and no function is ever dropped, because a node of the version before
//! may call it.

use super::checksum::checksum;
use super::error::MigrationError;
use super::schema_files::{BOOKKEEPING, CURRENT_SCHEMA, Migration, SchemaFiles, SqlFunction};
use crate::store::database::advisory_keys::MIGRATIONS_KEY;
use crate::store::database::connect::connect;
use crate::store::database::error::StoreError;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Transaction};

/// How often a wait for another node is said again.
const WAIT_REMINDER: Duration = Duration::from_secs(10);
/// What the transaction is set to. Waits may take as long as another node's migrations do; a node that is frozen in the
/// middle of its own must not keep the others from starting.
const TRANSACTION_SETTINGS: &str = "
    SET LOCAL client_min_messages = warning;
    SET LOCAL statement_timeout = 0;
    SET LOCAL lock_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = '30s'";

/// Brings the schema up to date.
///
/// # Errors
/// [`StoreError::Migration`], with a [`MigrationError`] as its source, and [`StoreError::Unreachable`].
pub async fn migrate(url: &str) -> Result<(), StoreError> {
    apply(url, &CURRENT_SCHEMA).await
}

/// Brings a database to the schema of `files`.
///
/// # Errors
/// As [`migrate`].
pub async fn apply(url: &str, files: &SchemaFiles) -> Result<(), StoreError> {
    let mut client = open(url).await?;
    apply_all(&mut client, files).await.map_err(boxed)
}

/// Takes the whole schema down, data included.
///
/// # Errors
/// As [`migrate`].
pub async fn revert_all(url: &str) -> Result<(), StoreError> {
    let mut client = open(url).await?;
    revert(&mut client, &CURRENT_SCHEMA).await.map_err(boxed)
}

fn boxed(error: MigrationError) -> StoreError {
    StoreError::Migration(Box::new(error))
}

async fn open(url: &str) -> Result<Client, StoreError> {
    let (client, driver) = connect(url).await?;
    // It ends with the client; what goes wrong with it, the client's calls answer.
    tokio::spawn(driver);
    Ok(client)
}

async fn apply_all(client: &mut Client, files: &SchemaFiles) -> Result<(), MigrationError> {
    let transaction = begin(client).await?;
    if !has_bookkeeping(&transaction).await? {
        refuse_occupied(&transaction).await?;
        transaction.batch_execute(BOOKKEEPING).await?;
    }
    apply_migrations(&transaction, files.migrations).await?;
    apply_functions(&transaction, files).await?;
    Ok(transaction.commit().await?)
}

async fn revert(client: &mut Client, files: &SchemaFiles) -> Result<(), MigrationError> {
    let transaction = begin(client).await?;
    if !has_bookkeeping(&transaction).await? {
        return Ok(());
    }
    let drops = "SELECT format('DROP FUNCTION %s', oid::regprocedure) FROM pg_proc
                  WHERE pronamespace = current_schema()::regnamespace AND proname IN (SELECT name FROM schema_functions)";
    for row in transaction.query(drops, &[]).await? {
        transaction.batch_execute(row.get(0)).await?;
    }
    let applied = applied_migrations(&transaction).await?;
    for migration in files.migrations.iter().rev().filter(|migration| applied.contains_key(migration.name)) {
        execute(&transaction, migration.name, migration.down).await?;
    }
    transaction.batch_execute("DROP TABLE schema_functions, schema_migrations").await?;
    Ok(transaction.commit().await?)
}

/// Begins a transaction that holds the lock of migrations until it ends.
async fn begin(client: &mut Client) -> Result<Transaction<'_>, MigrationError> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(TRANSACTION_SETTINGS).await?;
    let key = MIGRATIONS_KEY.0;
    if transaction.query_one("SELECT pg_try_advisory_xact_lock($1)", &[&key]).await?.get(0) {
        return Ok(transaction);
    }
    wait_for_lock(&transaction, key).await?;
    Ok(transaction)
}

async fn wait_for_lock(transaction: &Transaction<'_>, key: i64) -> Result<(), MigrationError> {
    tracing::info!("waiting for another node that migrates");
    let start = Instant::now();
    let parameters: [&(dyn ToSql + Sync); 1] = [&key];
    let waiting = transaction.execute("SELECT pg_advisory_xact_lock($1)", &parameters);
    tokio::pin!(waiting);
    loop {
        match timeout(WAIT_REMINDER, &mut waiting).await {
            Ok(locked) => return Ok(locked.map(drop)?),
            Err(_) => {
                tracing::warn!(waited_s = start.elapsed().as_secs(), "still waiting for another node that migrates")
            }
        }
    }
}

async fn has_bookkeeping(transaction: &Transaction<'_>) -> Result<bool, MigrationError> {
    Ok(transaction.query_one("SELECT to_regclass('schema_migrations') IS NOT NULL", &[]).await?.get(0))
}

/// Refuses a database whose tables somebody else has made. The first migration would fail as well, but not say why.
async fn refuse_occupied(transaction: &Transaction<'_>) -> Result<(), MigrationError> {
    let query = "SELECT name FROM unnest(ARRAY['users', 'events']) AS name
                  WHERE to_regclass(name) IS NOT NULL LIMIT 1";
    match transaction.query_opt(query, &[]).await? {
        Some(table) => Err(MigrationError::Occupied(table.get(0))),
        None => Ok(()),
    }
}

/// The applied migrations, each with the checksum of its text.
async fn applied_migrations(transaction: &Transaction<'_>) -> Result<HashMap<String, Vec<u8>>, MigrationError> {
    let rows = transaction.query("SELECT name, checksum FROM schema_migrations", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

async fn apply_migrations(transaction: &Transaction<'_>, migrations: &[Migration]) -> Result<(), MigrationError> {
    let mut applied = applied_migrations(transaction).await?;
    for migration in migrations {
        let checksum = checksum(migration.up);
        match applied.remove(migration.name) {
            Some(before) if before == checksum => {}
            Some(_) => return Err(MigrationError::Edited(migration.name.to_owned())),
            None => {
                execute(transaction, migration.name, migration.up).await?;
                let insert = "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)";
                transaction.execute(insert, &[&migration.name, &checksum]).await?;
                tracing::info!(migration = migration.name, "migrated");
            }
        }
    }
    if !applied.is_empty() {
        let mut unknown: Vec<_> = applied.into_keys().collect();
        unknown.sort_unstable();
        tracing::warn!(migrations = unknown.join(", "), "the schema is newer than this program");
    }
    Ok(())
}

/// A function as it was applied.
struct AppliedFunction {
    checksum: Vec<u8>,
    version: i32,
}

async fn apply_functions(transaction: &Transaction<'_>, files: &SchemaFiles) -> Result<(), MigrationError> {
    let rows = transaction.query("SELECT name, checksum, version FROM schema_functions", &[]).await?;
    let applied: HashMap<String, AppliedFunction> =
        rows.iter().map(|row| (row.get(0), AppliedFunction { checksum: row.get(1), version: row.get(2) })).collect();
    let version = files.functions_version;
    let newest = applied.values().map(|function| function.version).max().unwrap_or(version);
    if newest > version {
        tracing::warn!(newest, version, "the SQL functions are newer than this program and stay as they are");
    }
    for function in files.functions {
        let checksum = checksum(function.text);
        match applied.get(function.name) {
            Some(before) if before.checksum == checksum => {
                if before.version < version {
                    record_function(transaction, function.name, &checksum, version).await?;
                }
            }
            Some(_) if newest > version => {}
            Some(before) => {
                if before.version == version {
                    tracing::warn!(function = function.name, version, "another text had the same version");
                }
                apply_function(transaction, function, &checksum, version).await?;
            }
            // Also where the newest program has no such function: nothing calls what it would change.
            None => apply_function(transaction, function, &checksum, version).await?,
        }
    }
    Ok(())
}

async fn apply_function(
    transaction: &Transaction<'_>,
    function: &SqlFunction,
    checksum: &[u8],
    version: i32,
) -> Result<(), MigrationError> {
    execute(transaction, function.name, function.text).await?;
    record_function(transaction, function.name, checksum, version).await?;
    tracing::info!(function = function.name, version, "applied a SQL function");
    Ok(())
}

async fn record_function(
    transaction: &Transaction<'_>,
    name: &str,
    checksum: &[u8],
    version: i32,
) -> Result<(), MigrationError> {
    let upsert = "INSERT INTO schema_functions (name, checksum, version) VALUES ($1, $2, $3)
                  ON CONFLICT (name) DO UPDATE SET checksum = $2, version = $3, applied_at = now()";
    transaction.execute(upsert, &[&name, &checksum, &version]).await?;
    Ok(())
}

async fn execute(transaction: &Transaction<'_>, name: &str, text: &str) -> Result<(), MigrationError> {
    let executed = transaction.batch_execute(text).await;
    executed.map_err(|source| MigrationError::Refused { name: name.to_owned(), source })
}
