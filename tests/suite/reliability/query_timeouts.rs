//! Queries that take too long: they end in PostgreSQL too, and their clients are told to come again.

use crate::support::{Database, TestApp, eventually, within};
use diesel::QueryResult;
use diesel_async::SimpleAsyncConnection;
use longwave::store::{Connection, ErrorClass, Pool, StoreError, classify};
use std::time::Duration;

/// Within which PostgreSQL has ended what it was told to end.
const ENDED_WITHIN: Duration = Duration::from_secs(20);

/// Runs for as long as nobody ends it.
async fn sleep(connection: &mut Connection) -> QueryResult<()> {
    connection.batch_execute("SELECT pg_sleep(600)").await
}

async fn count_sleeping(client: &tokio_postgres::Client) -> i64 {
    let query = "SELECT count(*) FROM pg_stat_activity
                  WHERE query = 'SELECT pg_sleep(600)' AND state = 'active' AND datname = current_database()";
    client.query_one(query, &[]).await.expect("the activity").get(0)
}

async fn expect_none_sleeping(client: &tokio_postgres::Client) {
    let ended = async || (count_sleeping(client).await == 0).then_some(());
    eventually("the query has ended", ENDED_WITHIN, ended).await;
}

#[tokio::test]
async fn query_that_takes_too_long_ends_in_postgresql_too() {
    let database = Database::migrated().await;
    let pool = Pool::new(database.url(), 1);
    let answer = pool.ask(sleep).await;
    assert!(
        matches!(&answer, Err(StoreError::Unavailable(error)) if classify(error) == ErrorClass::Timeout),
        "{answer:?}"
    );
    expect_none_sleeping(&database.client().await).await;
}

#[tokio::test]
async fn abandoned_query_ends_in_postgresql_too_and_delays_no_other() {
    let database = Database::migrated().await;
    let client = database.client().await;
    let pool = Pool::with_query_timeout(database.url(), 1, Duration::from_secs(600));
    let asking = tokio::spawn({
        let pool = pool.clone();
        async move { pool.ask(sleep).await }
    });
    eventually("the query runs", ENDED_WITHIN, async || (count_sleeping(&client).await == 1).then_some(())).await;
    asking.abort();
    let next = pool.ask(async |connection| connection.batch_execute("SELECT 1").await);
    within("another query is answered", ENDED_WITHIN, next).await.expect("an answer");
    expect_none_sleeping(&client).await;
}

#[tokio::test]
async fn request_whose_query_takes_too_long_answers_503() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let locker = app.sql().await;
    locker.batch_execute("BEGIN; LOCK TABLE cursors IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    let answer = ann.get("/v1/cursors").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
}
