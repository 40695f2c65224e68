//! Searching: what is found, by whom, and how the index keeps up.

mod finding;
mod index;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{SOON, TestApp, User, eventually, query};

/// Waits until everything that is in the log can be found.
pub async fn indexed(app: &TestApp) {
    let sql = app.sql().await;
    let behind = "SELECT (SELECT position FROM search_progress) < (SELECT coalesce(max(position), 0) FROM events)";
    eventually("the index has caught up", SOON, async || {
        let row = sql.query_one(behind, &[]).await.expect("the progress");
        (!row.get::<_, bool>(0)).then_some(())
    })
    .await;
}

pub fn items(page: &Value) -> &[Value] {
    page["items"].as_array().unwrap_or_else(|| panic!("no items in {page}"))
}

pub fn texts(page: &Value) -> Vec<&str> {
    items(page).iter().map(|hit| hit["message"]["text"].as_str().expect("a text")).collect()
}

/// Answers what a user finds, the newest first.
pub async fn found(user: &User, parameters: &[(&str, &str)]) -> Vec<String> {
    let page = user.search(&query(parameters)).await.expect(200);
    texts(&page).into_iter().map(str::to_owned).collect()
}

pub async fn finds(user: &User, q: &str) -> Vec<String> {
    found(user, &[("q", q)]).await
}

/// Answers the value of one of a node's figures.
pub async fn figure(user: &User, name: &str) -> Option<f64> {
    let answer = user.get("/metrics").await;
    assert_eq!(answer.status, 200);
    answer.text().lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

pub async fn reindex(app: &TestApp) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_longwave"))
        .arg("reindex")
        .env("DATABASE_URL", app.database.url())
        .output()
        .await
        .expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && output.stdout.is_empty(), "{stderr}");
    stderr
}
