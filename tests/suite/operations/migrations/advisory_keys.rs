//! Advisory locks: one key a purpose.

use std::collections::HashSet;

use longwave::store;
use longwave::store::advisory_keys::{ADVISORY_KEYS, MIGRATIONS_KEY, RETENTION_KEY};

use crate::support::{Database, SOON, within};

#[tokio::test]
async fn advisory_keys_are_distinct_and_sql_functions_agree_with_them() {
    let keys: HashSet<_> = ADVISORY_KEYS.iter().map(|(_, key)| *key).collect();
    assert_eq!(keys.len(), ADVISORY_KEYS.len());
    let database = Database::migrated().await;
    let sql = database.client().await;
    let functions = "SELECT proname::text FROM pg_proc
                      WHERE pronamespace = 'public'::regnamespace AND proname LIKE '%\\_lock\\_key' ORDER BY 1";
    let names: Vec<String> = sql.query(functions, &[]).await.expect("functions").iter().map(|row| row.get(0)).collect();
    assert_eq!(names, ["log_lock_key", "log_partition_lock_key", "search_lock_key"]);
    for name in names {
        let answered: i64 = sql.query_one(&format!("SELECT {name}()"), &[]).await.expect("a key").get(0);
        let listed = ADVISORY_KEYS.iter().find(|(purpose, _)| name == format!("{purpose}_lock_key"));
        assert_eq!(listed.map(|(_, key)| key.0), Some(answered), "{name}");
    }
}

#[tokio::test]
async fn migrations_go_through_while_retention_runs() {
    let database = Database::migrated().await;
    let sql = database.client().await;
    sql.execute("SELECT pg_advisory_lock($1)", &[&RETENTION_KEY.0]).await.expect("the lock of retention");
    within("migrations go through", SOON, store::migrate(database.url())).await.expect("up to date");
}

#[tokio::test]
async fn retention_runs_while_a_node_migrates() {
    let database = Database::migrated().await;
    let sql = database.client().await;
    sql.execute("SELECT pg_advisory_lock($1)", &[&MIGRATIONS_KEY.0]).await.expect("the lock of migrations");
    let bound = std::time::SystemTime::now().into();
    let retention = longwave::log::retention::retire(database.url(), bound, |_| ());
    within("retention runs", SOON, retention).await.expect("it is not refused");
}
