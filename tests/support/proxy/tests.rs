//! The proxy itself, before any server relies on it.

use tokio_postgres::{Client, NoTls};

use super::Proxy;
use crate::support::{Database, eventually};
use std::time::Duration;

const SCHEMA: &str = "CREATE TABLE kept (text text);
    CREATE FUNCTION log_append(text) RETURNS text LANGUAGE sql AS 'INSERT INTO kept VALUES ($1) RETURNING text'";

async fn proxied() -> (Database, Client, Proxy) {
    let database = Database::empty().await;
    let direct = database.client().await;
    direct.batch_execute(SCHEMA).await.expect("a schema");
    let proxy = Proxy::start(database.url()).await;
    (database, direct, proxy)
}

async fn connect(proxy: &Proxy) -> Client {
    let (client, connection) = tokio_postgres::connect(&proxy.url(), NoTls).await.expect("the proxy passes");
    tokio::spawn(connection);
    client
}

async fn kept(direct: &Client) -> i64 {
    direct.query_one("SELECT count(*) FROM kept", &[]).await.expect("a count").get(0)
}

#[tokio::test]
async fn swallowed_append_is_committed_and_breaks_its_connection() {
    let (_database, direct, proxy) = proxied().await;
    let client = connect(&proxy).await;
    let append = client.prepare("SELECT log_append($1)").await.expect("it is prepared");
    client.query(&append, &[&"first"]).await.expect("it passes");
    proxy.swallow_next_append();
    client.query("SELECT 1", &[]).await.expect("other queries pass");
    client.query(&append, &[&"second"]).await.expect_err("the answer is lost");
    assert_eq!((kept(&direct).await, proxy.swallowed()), (2, 1));
}

#[tokio::test]
async fn stalled_append_reaches_the_database_on_release() {
    let (_database, direct, proxy) = proxied().await;
    let (client, retry) = (connect(&proxy).await, connect(&proxy).await);
    let stalled = proxy.stall_next_append();
    client.query("SELECT log_append($1)", &[&"first"]).await.expect_err("the connection is lost");
    stalled.reached().await;
    assert_eq!(kept(&direct).await, 0);
    retry.query("SELECT log_append($1)", &[&"retry"]).await.expect("it passes");
    assert!(stalled.release().await);
    assert_eq!(kept(&direct).await, 2);
}

#[tokio::test]
async fn reset_and_black_hole_hit_listeners_only() {
    let (_database, _direct, proxy) = proxied().await;
    let (listener, other) = (connect(&proxy).await, connect(&proxy).await);
    listener.batch_execute("LISTEN news").await.expect("it listens");
    assert_eq!((proxy.listens(), proxy.reset_listeners()), (1, 1));
    eventually("the listener breaks", Duration::from_secs(5), async || listener.is_closed().then_some(())).await;
    let listener = connect(&proxy).await;
    listener.batch_execute("LISTEN news").await.expect("it listens again");
    assert_eq!(proxy.blackhole_listeners(), 1);
    let silence = tokio::time::timeout(Duration::from_millis(300), listener.simple_query("SELECT 1")).await;
    assert!(silence.is_err() && !listener.is_closed());
    other.simple_query("SELECT 1").await.expect("other connections pass");
    proxy.heal();
    connect(&proxy).await.batch_execute("LISTEN news").await.expect("a new one may listen");
}
