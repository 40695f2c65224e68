//! Queries that take too long: they end in PostgreSQL too, and their clients are told to come again.

use crate::support::{Database, TestApp, eventually};
use diesel_async::SimpleAsyncConnection;
use longwave::store::{ANSWER, Pool, StoreError};
use std::time::Duration;

/// Within which PostgreSQL has ended what it was told to end.
const ENDED_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_query_that_takes_too_long_ends_in_postgresql_too() {
    let database = Database::migrated().await;
    let pool = Pool::new(database.url(), 1);
    let mut connection = pool.get().await.expect("a connection");
    let answered = tokio::time::timeout(ANSWER, connection.batch_execute("SELECT pg_sleep(600)")).await;
    let answer = connection.settle(answered);
    assert!(matches!(answer, Err(StoreError::Unreachable(_) | StoreError::Unavailable(_))), "{answer:?}");
    let client = database.client().await;
    let query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)' AND state = 'active'";
    eventually("the query has ended", ENDED_WITHIN, async || {
        let running: i64 = client.query_one(query, &[]).await.expect("the activity").get(0);
        (running == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_request_whose_query_takes_too_long_answers_503() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let locker = app.sql().await;
    locker.batch_execute("BEGIN; LOCK TABLE cursors IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    let answer = ann.get("/v1/cursors").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
}
