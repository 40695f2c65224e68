//! Migrations: what they make, and what they refuse.

use std::error::Error;

use futures_util::future::join_all;
use longwave::store::migrations::{Migration, MigrationError, SchemaFiles, apply};
use longwave::store::{self, StoreError};

use crate::support::Database;

/// Answers a line for all that the schema has.
pub async fn schema(database: &Database) -> Vec<String> {
    lines(database, include_str!("schema.sql")).await
}

/// Answers the schema with the texts of functions, all comments, and what is recorded of migrations and functions.
async fn whole_schema(database: &Database) -> Vec<String> {
    let texts = "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1";
    let comments = "SELECT concat_ws(' ', pg_describe_object(classoid, objoid, objsubid), description)
                      FROM pg_description WHERE objoid >= 16384 ORDER BY 1";
    let mut all = schema(database).await;
    all.extend(lines(database, texts).await);
    all.extend(lines(database, comments).await);
    if all.iter().any(|line| line.contains("schema_functions")) {
        let applied = "SELECT format('%s %s %s', name, checksum, applied_at) FROM schema_migrations
                 UNION SELECT format('%s %s %s', name, checksum, applied_at) FROM schema_functions ORDER BY 1";
        all.extend(lines(database, applied).await);
    }
    all
}

async fn lines(database: &Database, query: &str) -> Vec<String> {
    let rows = database.client().await.query(query, &[]).await.expect("the catalogue is read");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn schema_is_the_recorded_one() {
    let database = Database::empty().await;
    store::migrate(database.url()).await.expect("up");
    insta::assert_snapshot!(schema(&database).await.join("\n"));
}

#[tokio::test]
async fn tables_and_functions_all_have_a_comment() {
    let database = Database::migrated().await;
    let bare = "SELECT relname::text FROM pg_class
                 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
                   AND obj_description(oid, 'pg_class') IS NULL
                 UNION ALL
                SELECT proname FROM pg_proc
                 WHERE pronamespace = 'public'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL";
    assert_eq!(lines(&database, bare).await, Vec::<String>::new());
}

#[tokio::test]
async fn migrations_up_down_and_up_again_leave_the_same_schema() {
    let database = Database::empty().await;
    store::migrate(database.url()).await.expect("up");
    let first = schema(&database).await;
    store::revert_all(database.url()).await.expect("down");
    assert_eq!(whole_schema(&database).await, Vec::<String>::new());
    store::revert_all(database.url()).await.expect("down, of nothing");
    store::migrate(database.url()).await.expect("up again");
    assert_eq!(schema(&database).await, first);
}

#[tokio::test]
async fn three_nodes_that_start_together_on_an_empty_database_make_one_schema() {
    let (together, alone) = (Database::empty().await, Database::empty().await);
    for migrated in join_all((0..3).map(|_| store::migrate(together.url()))).await {
        migrated.expect("up");
    }
    store::migrate(alone.url()).await.expect("up");
    assert_eq!(schema(&together).await, schema(&alone).await);
}

#[tokio::test]
async fn database_with_tables_of_somebody_else_is_refused_and_left_as_it_was() {
    let database = Database::empty().await;
    database.client().await.batch_execute("CREATE TABLE users (name text)").await.expect("a table");
    let before = schema(&database).await;
    let error = store::migrate(database.url()).await.expect_err("the database is in use");
    let cause = error.source().expect("a cause").to_string();
    assert!(cause.starts_with("the database has a table users that this program did not make"), "{cause}");
    assert_eq!(schema(&database).await, before);
}

#[tokio::test]
async fn second_run_of_migrations_writes_nothing() {
    let database = Database::migrated().await;
    let sql = database.client().await;
    let before = whole_schema(&database).await;
    let start: i64 = number(&sql, "SELECT pg_current_xact_id()::text::bigint").await;
    store::migrate(database.url()).await.expect("up to date");
    assert_eq!(whole_schema(&database).await, before);
    let written = "SELECT max(xmin::text::bigint) FROM (SELECT xmin FROM schema_migrations UNION ALL SELECT xmin FROM schema_functions) rows";
    assert!(number(&sql, written).await < start, "rows were written anew");
}

async fn number(sql: &tokio_postgres::Client, query: &str) -> i64 {
    sql.query_one(query, &[]).await.expect("a number").get(0)
}

const THINGS: Migration =
    Migration { name: "01_things", up: "CREATE TABLE things (id bigint PRIMARY KEY)", down: "DROP TABLE things" };
const EDITED: Migration = Migration { up: "CREATE TABLE things (id uuid PRIMARY KEY)", ..THINGS };
const BROKEN: Migration = Migration { name: "02_broken", up: "CREATE TABLE broken (id nonsense)", down: "" };
const LATER: Migration = Migration { name: "02_later", up: "ALTER TABLE things ADD COLUMN note text", down: "" };

async fn apply_only(database: &Database, migrations: &'static [Migration]) -> Result<(), String> {
    let files = SchemaFiles { migrations, functions: &[], functions_version: 1 };
    apply(database.url(), &files).await.map_err(|error| {
        let StoreError::Migration(source) = &error else { panic!("{error:?}") };
        let error = source.downcast_ref::<MigrationError>().expect("an error of migrations");
        format!("{error}: {}", error.source().and_then(Error::source).map(ToString::to_string).unwrap_or_default())
    })
}

#[tokio::test]
async fn edited_migration_that_was_applied_is_refused_by_name() {
    let database = Database::empty().await;
    apply_only(&database, &[THINGS]).await.expect("up");
    let refused = apply_only(&database, &[EDITED]).await.expect_err("it was edited");
    assert!(refused.starts_with("migration 01_things was edited"), "{refused}");
}

#[tokio::test]
async fn failed_migration_leaves_the_schema_as_it_was() {
    let database = Database::empty().await;
    let refused = apply_only(&database, &[THINGS, BROKEN]).await.expect_err("there is no such type");
    assert!(refused.starts_with("cannot apply 02_broken") && refused.contains("nonsense"), "{refused}");
    assert_eq!(whole_schema(&database).await, Vec::<String>::new());
}

#[tokio::test]
async fn older_program_starts_on_a_newer_schema_and_leaves_it() {
    let database = Database::empty().await;
    apply_only(&database, &[THINGS, LATER]).await.expect("up");
    let newer = whole_schema(&database).await;
    apply_only(&database, &[THINGS]).await.expect("it starts");
    assert_eq!(whole_schema(&database).await, newer);
}
