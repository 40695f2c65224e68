//! Migrations: what goes up comes down, and comes up again the same.

use longwave::store;

use crate::support::{Database, SOON, within};

/// Answers a line for each column, index, constraint, function and comment.
const FINGERPRINT: &str = "
    SELECT format('column %s.%s %s %s %s %s', table_name, column_name, data_type, is_nullable, column_default, collation_name)
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT format('function %s', pg_get_functiondef(oid)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT format('comment %s %s', objoid::regclass, description)
      FROM pg_description WHERE classoid = 'pg_class'::regclass AND objoid >= 16384
    ORDER BY 1";

async fn fingerprint(database: &Database) -> Vec<String> {
    let rows = database.client().await.query(FINGERPRINT, &[]).await.expect("the catalogue is read");
    let lines = rows.iter().map(|row| row.get::<_, String>(0));
    lines.filter(|line| !line.contains("__diesel_schema_migrations")).collect()
}

#[tokio::test]
async fn up_down_and_up_again_leaves_the_same_schema() {
    let database = Database::empty().await;
    store::migrate(database.url()).await.expect("up");
    let first = fingerprint(&database).await;
    for name in ["users", "sessions", "conversations", "members", "log_epoch", "events", "ids", "cursors", "webhooks"] {
        assert!(first.iter().any(|line| line.starts_with(&format!("column {name}."))), "no table {name}");
    }
    store::revert_all(database.url()).await.expect("down");
    assert_eq!(fingerprint(&database).await, Vec::<String>::new());
    store::migrate(database.url()).await.expect("up again");
    assert_eq!(fingerprint(&database).await, first);
}

#[tokio::test]
async fn migrating_twice_or_at_once_does_no_harm() {
    let database = Database::empty().await;
    let (one, other) = tokio::join!(store::migrate(database.url()), store::migrate(database.url()));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    let first = fingerprint(&database).await;
    store::migrate(database.url()).await.expect("again");
    assert_eq!(fingerprint(&database).await, first);
}

#[tokio::test]
async fn retention_and_migrations_do_not_wait_for_each_other() {
    let database = Database::migrated().await;
    let sql = database.client().await;
    sql.batch_execute("SELECT pg_advisory_lock(log_lock_key() + 2)").await.expect("the lock of retention");
    within("migrations go through", SOON, store::migrate(database.url())).await.expect("up to date");
}
