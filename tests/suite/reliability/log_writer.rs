//! The writer of the log when a single write goes wrong: others are written, and the node says what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use longwave::ids::{UserId, WriteId};
use longwave::log::{
    AttemptError, Change, ChangeError, ChangeFuture, ChangeOutcome, CommitFeed, LockedHead, Log, WriteError, WriteKey,
};
use longwave::shutdown::Shutdown;
use longwave::store::{Connection, Pool};

use crate::support::proxy::Proxy;
use serde_json::json;
use tokio_postgres::Client;

use crate::support::{Database, TestApp, User, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

/// What a [`Probe`] does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conduct {
    Fine,
    Panics,
    /// PostgreSQL answers with an error.
    Fails,
}

/// A change that writes nothing, and counts how often it was applied.
struct Probe {
    key: WriteKey,
    conduct: Conduct,
    applied: Arc<AtomicUsize>,
}

impl Probe {
    fn new(conduct: Conduct, applied: &Arc<AtomicUsize>) -> Self {
        let key = WriteKey { id: WriteId::new(), owner: UserId::new(), mac: Vec::new() };
        Self { key, conduct, applied: applied.clone() }
    }
}

impl Change for Probe {
    type Output = ();
    type Rejection = ();

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, _: LockedHead) -> ChangeFuture<'a, (), ()> {
        self.applied.fetch_add(1, Ordering::SeqCst);
        assert!(self.conduct != Conduct::Panics, "on purpose");
        Box::pin(async {
            if self.conduct == Conduct::Fails {
                connection.batch_execute("SELECT 1 / 0").await?;
            }
            Ok((Vec::new(), ()))
        })
    }
}

/// The log of a node that reaches PostgreSQL through a proxy.
async fn proxied_log(shutdown: &Shutdown) -> (Database, Proxy, Log, CommitFeed) {
    let database = Database::migrated().await;
    let proxy = Proxy::start(database.url()).await;
    let (log, feed) = Log::open(&proxy.url(), Pool::new(database.url(), 1), shutdown).await.expect("a log");
    (database, proxy, log, feed)
}

/// Waits until changes have been applied so often in all.
async fn applied_times(applied: &AtomicUsize, times: usize) {
    let enough = async || (applied.load(Ordering::SeqCst) >= times).then_some(());
    eventually("a change is applied", PATIENCE, enough).await;
}

#[tokio::test]
async fn attempt_that_gets_no_answer_is_repeated_on_a_new_connection() {
    let shutdown = Shutdown::default();
    let (_database, proxy, log, _feed) = proxied_log(&shutdown).await;
    let applied = Arc::new(AtomicUsize::new(0));
    proxy.blackhole_all();
    let change = tokio::spawn({
        let (log, probe) = (log.clone(), Probe::new(Conduct::Fine, &applied));
        async move { log.change(probe).await }
    });
    let attempted = async || (log.queued() == 0).then_some(());
    eventually("the change leaves the queue", PATIENCE, attempted).await;
    proxy.heal();
    let answer = change.await.expect("an answer");
    assert!(matches!(answer, Ok(ChangeOutcome::Applied((), _))), "{answer:?}");
    assert_eq!(applied.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn rollback_that_gets_no_answer_leaves_the_outcome_unknown_and_stops_nobody() {
    let shutdown = Shutdown::default();
    let (_database, proxy, log, _feed) = proxied_log(&shutdown).await;
    let applied = Arc::new(AtomicUsize::new(0));
    proxy.blackhole_after_next_error();
    let failed = log.change(Probe::new(Conduct::Fails, &applied)).await;
    assert!(matches!(failed, Err(ChangeError::Write(WriteError::Unresolved))), "{failed:?}");
    applied_times(&applied, 2).await;
    let next = log.change(Probe::new(Conduct::Fine, &applied)).await;
    assert!(matches!(next, Ok(ChangeOutcome::Applied((), _))), "{next:?}");
}

#[tokio::test]
async fn log_that_cannot_be_opened_through_a_silent_proxy_says_so() {
    let database = Database::migrated().await;
    let proxy = Proxy::start(database.url()).await;
    proxy.blackhole_all();
    let url = proxy.url();
    let opened = tokio::time::timeout(PATIENCE, longwave::log::new_epoch(&url)).await.expect("an answer");
    assert!(matches!(opened, Err(AttemptError::Unavailable(_))), "{opened:?}");
}

#[tokio::test]
async fn change_that_panics_fails_alone_and_once() {
    let database = Database::migrated().await;
    let shutdown = Shutdown::default();
    let (log, _feed) = Log::open(database.url(), Pool::new(database.url(), 1), &shutdown).await.expect("a log");
    let applied = Arc::new(AtomicUsize::new(0));
    let panicked = log.change(Probe::new(Conduct::Panics, &applied)).await;
    assert!(matches!(panicked, Err(ChangeError::Write(WriteError::Failed))), "{panicked:?}");
    assert_eq!(applied.load(Ordering::SeqCst), 1);
    let next = log.change(Probe::new(Conduct::Fine, &applied)).await;
    assert!(matches!(next, Ok(ChangeOutcome::Applied((), _))), "{next:?}");
    assert!(log.is_writing());
}

/// Waits until a change waits for a row that another session holds, and answers its backend.
async fn waiting_for_a_row(sql: &Client) -> i32 {
    let waiting = async || {
        let query = "SELECT pid FROM pg_stat_activity
                      WHERE application_name = 'longwave log' AND wait_event_type = 'Lock' AND wait_event <> 'advisory'";
        sql.query_opt(query, &[]).await.expect("the activity is read").map(|row| row.get::<_, i32>(0))
    };
    eventually("a change waits for a row", PATIENCE, waiting).await
}

#[tokio::test]
async fn change_that_waits_for_a_locked_row_fails_alone_while_others_are_written() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (stuck, other) = (anna.create_group(&[]).await, bert.create_group(&[]).await);
    let holder = app.sql().await;
    let lock = format!("BEGIN; SELECT FROM conversations WHERE id = '{stuck}' FOR UPDATE");
    holder.batch_execute(&lock).await.expect("a row lock");
    let renaming = tokio::spawn({
        let (anna, path) = (anna.clone(), format!("/v1/conversations/{stuck}"));
        async move { anna.patch(&path, json!({"title": "new"})).await }
    });
    waiting_for_a_row(&app.sql().await).await;
    for round in 0..10 {
        bert.on(round % 2).say(&other, "goes on").await;
    }
    renaming.await.expect("an answer").problem(503, "unavailable");
    holder.batch_execute("ROLLBACK").await.expect("no locks");
    anna.patch(&format!("/v1/conversations/{stuck}"), json!({"title": "new"})).await.expect(200);
}

/// Lets every append fail until `DROP TRIGGER fails ON ids`. Each failure draws a number, which no rollback takes back.
async fn fail_appends(sql: &Client, message: &str, sqlstate: &str) {
    let statement = format!(
        "CREATE SEQUENCE failures;
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM nextval('failures');
             RAISE EXCEPTION '{message}' USING ERRCODE = '{sqlstate}';
         END $$;
         CREATE TRIGGER fails BEFORE INSERT ON ids FOR EACH ROW EXECUTE FUNCTION fail()"
    );
    sql.batch_execute(&statement).await.expect("a trigger");
}

async fn failing_app(message: &str, sqlstate: &str) -> (TestApp, User, String, Client) {
    let app = TestApp::start().await;
    let [anna] = app.guests(["anna"]).await;
    let group = anna.create_group(&[]).await;
    let sql = app.sql().await;
    fail_appends(&sql, message, sqlstate).await;
    (app, anna, group, sql)
}

#[tokio::test]
async fn append_is_repeated_while_the_server_is_short_of_something_whatever_its_language() {
    let (_app, anna, group, sql) = failing_app("Auf dem Datenträger ist kein Platz mehr", "53100").await;
    let sending = tokio::spawn({
        let (anna, group) = (anna.clone(), group.clone());
        async move { anna.send(&group, "kept").await }
    });
    let repeated = async || {
        let row = sql.query_one("SELECT last_value FROM failures", &[]).await.expect("a number");
        (row.get::<_, i64>(0) > 1).then_some(())
    };
    eventually("the append is repeated", PATIENCE, repeated).await;
    sql.batch_execute("DROP TRIGGER fails ON ids").await.expect("no trigger");
    sending.await.expect("an answer").expect(201);
}

#[tokio::test]
async fn append_that_fails_on_its_data_is_refused_whatever_the_message_says() {
    let (_app, anna, group, _sql) = failing_app("out of memory, canceling statement", "22000").await;
    anna.send(&group, "refused").await.problem(500, "internal");
}
