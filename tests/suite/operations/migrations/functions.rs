//! SQL functions, while nodes of two versions run on one database.

use longwave::store::migrations::{SchemaFiles, SqlFunction, apply};

use crate::support::Database;

const fn files(functions: &'static [SqlFunction], functions_version: i32) -> SchemaFiles {
    SchemaFiles { migrations: &[], functions, functions_version }
}

/// The version before, the version after, and the one after that, which has lost a function.
const BEFORE: SchemaFiles = files(
    &[
        SqlFunction {
            name: "called",
            text: "CREATE OR REPLACE FUNCTION called() RETURNS text LANGUAGE sql AS $$SELECT 'before'$$",
        },
        SqlFunction {
            name: "dropped",
            text: "CREATE OR REPLACE FUNCTION dropped() RETURNS text LANGUAGE sql AS $$SELECT 'kept'$$",
        },
    ],
    1,
);
const AFTER: SchemaFiles = files(
    &[SqlFunction {
        name: "called",
        text: "CREATE OR REPLACE FUNCTION called() RETURNS text LANGUAGE sql AS $$SELECT 'after'$$",
    }],
    2,
);
const AFTER_THAT: SchemaFiles = files(AFTER.functions, 3);

async fn start(database: &Database, version: &SchemaFiles) {
    apply(database.url(), version).await.expect("the node starts");
}

async fn answer(database: &Database, function: &str) -> String {
    let query = format!("SELECT {function}()");
    database.client().await.query_one(&query, &[]).await.expect("the function is there").get(0)
}

#[tokio::test]
async fn changed_function_is_replaced_and_one_of_the_version_before_stays() {
    let database = Database::empty().await;
    start(&database, &BEFORE).await;
    assert_eq!(answer(&database, "called").await, "before");
    start(&database, &AFTER).await;
    assert_eq!(
        (answer(&database, "called").await, answer(&database, "dropped").await),
        ("after".into(), "kept".into())
    );
}

#[tokio::test]
async fn older_node_that_starts_again_puts_no_function_back() {
    let database = Database::empty().await;
    for version in [&BEFORE, &AFTER, &BEFORE] {
        start(&database, version).await;
    }
    assert_eq!(answer(&database, "called").await, "after");
    // The text stays the same, and still belongs to the newest version that had it.
    for version in [&AFTER_THAT, &AFTER, &BEFORE] {
        start(&database, version).await;
    }
    assert_eq!(answer(&database, "called").await, "after");
    let version = "SELECT version FROM schema_functions WHERE name = 'called'";
    let version: i32 = database.client().await.query_one(version, &[]).await.expect("a version").get(0);
    assert_eq!(version, 3);
}

#[tokio::test]
async fn older_node_gets_the_functions_that_only_it_has() {
    let database = Database::empty().await;
    start(&database, &AFTER).await;
    start(&database, &BEFORE).await;
    assert_eq!(
        (answer(&database, "called").await, answer(&database, "dropped").await),
        ("after".into(), "kept".into())
    );
}

#[tokio::test]
async fn nodes_of_two_versions_that_start_together_end_with_the_newer_functions() {
    let database = Database::empty().await;
    for _ in 0..5 {
        let (before, after) = tokio::join!(apply(database.url(), &BEFORE), apply(database.url(), &AFTER));
        assert!(before.is_ok() && after.is_ok(), "{before:?} {after:?}");
        assert_eq!(answer(&database, "called").await, "after");
    }
}
