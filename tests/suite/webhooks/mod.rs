//! Webhooks: what is posted, when, to whom, and to whom not.

mod delivering;
mod owners;
mod targets;

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::support::{Answer, Database, Posted, Reply, SOON, Target, TestApp, User, cursors, eventually};

pub async fn start(nodes: usize) -> TestApp {
    TestApp::builder().nodes(nodes).flag("--webhook-private-targets", "on").start().await
}

pub async fn two_members(app: &TestApp) -> (User, User, String) {
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    (anna, bert, group)
}

pub async fn register(user: &User, target: &Target) -> Value {
    user.post("/v1/webhooks", json!({"url": target.url()})).await.expect(201)
}

pub fn path(webhook: &Value) -> String {
    format!("/v1/webhooks/{}", webhook["id"].as_str().expect("an id"))
}

pub async fn patch(user: &User, webhook: &Value, body: Value) -> Answer {
    user.patch(&path(webhook), body).await
}

pub async fn replay(user: &User, webhook: &Value, cursor: &str) -> Answer {
    user.post(&format!("{}/replay", path(webhook)), json!({"cursor": cursor})).await
}

/// Waits until the webhook is as `is` wants it.
pub async fn when(user: &User, webhook: &Value, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let path = path(webhook);
    eventually(what, SOON, async || Some(user.get(&path).await.expect(200)).filter(|webhook| is(webhook))).await
}

/// Lets the next attempt be made now.
pub async fn hurry(app: &TestApp) {
    app.sql().await.batch_execute("UPDATE webhooks SET next_attempt_at = now()").await.expect("an update");
}

pub fn texts(posted: &[Posted]) -> Vec<String> {
    posted.iter().map(Posted::text).collect()
}
