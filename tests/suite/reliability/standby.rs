//! Promises 1 and 11 with a standby: what it has not got is not acknowledged, whatever PostgreSQL answers.

use std::time::Duration;

use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::{Database, PrivateCluster, TestApp, User, eventually, expected_events};

const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Waits until a commit waits for the standby, in another backend than `before`.
async fn backend_in_sync_wait(sql: &Client, before: Option<i32>) -> i32 {
    let waiting = async || {
        let query = "SELECT pid FROM pg_stat_activity
                      WHERE wait_event = 'SyncRep' AND application_name = 'longwave log' AND pid IS DISTINCT FROM $1";
        let row = sql.query_opt(query, &[&before]).await.expect("the activity is read");
        row.map(|row| row.get::<_, i32>(0))
    };
    eventually("a commit waits for the standby", WAIT_TIMEOUT, waiting).await
}

/// Waits until commits wait for the standby: the setting reaches PostgreSQL's processes one by one.
async fn wait_until_commits_need_the_standby(app: &TestApp, sql: &Client) {
    let probing = async || {
        let probe = app.sql().await;
        let pid: i32 = probe.query_one("SELECT pg_backend_pid()", &[]).await.expect("a session").get(0);
        let commit = tokio::spawn(async move {
            probe.batch_execute("SELECT pg_logical_emit_message(true, 'probe', '')").await.expect("a commit");
        });
        let waits = async || {
            let query = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid = $1";
            let waits = sql.query_opt(query, &[&pid]).await.expect("the activity is read").is_some();
            (waits || commit.is_finished()).then_some(waits)
        };
        let waits = eventually("a commit ends or waits", WAIT_TIMEOUT, waits).await;
        if waits {
            cancel(sql, pid).await;
        }
        commit.await.expect("the probe ends");
        waits.then_some(())
    };
    eventually("the standby is waited for", WAIT_TIMEOUT, probing).await;
}

async fn cancel(sql: &Client, pid: i32) {
    sql.execute("SELECT pg_cancel_backend($1)", &[&pid]).await.expect("the wait is cancelled");
}

fn send(anna: &User, group: &str, key: &str) -> tokio::task::JoinHandle<crate::support::Answer> {
    let (anna, group, key) = (anna.clone(), group.to_owned(), key.to_owned());
    tokio::spawn(async move { anna.send_with_key(&group, &key, "once").await })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commit_whose_wait_for_the_standby_is_cancelled_is_not_acknowledged() {
    let cluster = PrivateCluster::start().await;
    let app = TestApp::builder().nodes(2).database(Database::at(cluster.url())).start().await;
    let [anna] = app.guests(["anna"]).await;
    let group = anna.create_group(&[]).await;
    let sql = app.sql().await;
    sql.batch_execute("SET synchronous_commit = local").await.expect("a session that waits for nobody");
    sql.batch_execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await.expect("a setting");
    sql.batch_execute("SELECT pg_reload_conf()").await.expect("the setting is taken");
    wait_until_commits_need_the_standby(&app, &sql).await;

    let key = Uuid::now_v7().to_string();
    let first = send(&anna, &group, &key);
    let attempt = backend_in_sync_wait(&sql, None).await;
    // PostgreSQL now answers the append like any other, after a warning.
    cancel(&sql, attempt).await;
    let repeat = backend_in_sync_wait(&sql, Some(attempt)).await;
    assert!(!first.is_finished(), "acknowledged without the standby");
    assert_eq!(expected_events::creations(&sql, std::slice::from_ref(&key)).await, [1]);

    // A replay finds the message, and is no safer than it.
    let replay = send(&anna.on(1), &group, &key);
    cancel(&sql, repeat).await;
    backend_in_sync_wait(&sql, Some(repeat)).await;
    assert!(!first.is_finished() && !replay.is_finished(), "acknowledged without the standby");

    sql.batch_execute("ALTER SYSTEM RESET synchronous_standby_names").await.expect("a setting");
    sql.batch_execute("SELECT pg_reload_conf()").await.expect("the setting is taken");
    let (first, replay) = (first.await.expect("an answer"), replay.await.expect("an answer"));
    assert_eq!(first.expect(201), replay.expect(201));
    assert_eq!(expected_events::creations(&sql, &[key]).await, [1]);
    drop(app);
    cluster.stop().await;
}
