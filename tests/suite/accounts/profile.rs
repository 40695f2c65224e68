//! One's own account: display name and password.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, SOON, TestApp, User, eventually, tokens};

/// Promise 6 gives the streams of a revoked session this long, and a busy machine a little more.
const REVOKED_WITHIN: Duration = Duration::from_secs(3);
const NEW_PASSWORD: &str = "battery staple";

async fn patch_me(user: &User, body: Value) -> Answer {
    user.answer(user.request(Method::PATCH, "/v1/me").json(&body)).await
}

async fn put_password(user: &User, current: &str, new: &str) -> Answer {
    user.put("/v1/me/password", json!({"current": current, "new": new})).await
}

async fn log_in(app: &TestApp, name: &str, password: &str) -> User {
    app.anonymous().logged_in(&app.anonymous().log_in(name, password).await.expect(201))
}

/// Waits until as many queries wait for locks.
async fn wait_for_locks(sql: &tokio_postgres::Client, count: i64) {
    let query = "SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%s%'";
    eventually("queries wait for locks", SOON, async || {
        let waiting: i64 = sql.query_one(query, &[]).await.expect("the activity").get(0);
        (waiting >= count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn display_name_change_shows_at_once() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert) = (app.user("anna").await, app.guest("bert").await);
    let vouched = anna.with_token(&tokens::mint(&tokens::claims("anna")));
    let group = anna.create_group(&[&bert]).await;
    assert_eq!(anna.say(&group, "before").await["sender"]["display_name"], "anna");
    assert_eq!(vouched.me().await.expect(200)["display_name"], "anna");
    let changed = patch_me(&anna, json!({"display_name": "Anna B. \u{1f600}"})).await.expect(200);
    assert_eq!((&changed["display_name"], &changed["name"]), (&json!("Anna B. \u{1f600}"), &json!("anna")));
    for user in [&anna, &vouched] {
        assert_eq!(user.me().await.expect(200), changed);
    }
    assert_eq!(bert.on(1).get("/v1/users/anna").await.expect(200), changed);
    assert_eq!(anna.say(&group, "after").await["sender"]["display_name"], changed["display_name"]);
}

#[tokio::test]
async fn display_name_outside_the_rules_changes_nothing() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    for name in ["", &"x".repeat(101), "two\nlines"] {
        let answer = patch_me(&anna, json!({"display_name": name})).await;
        assert_eq!(answer.problem(422, "invalid")["errors"][0]["field"], "display_name", "{name:?}");
    }
    patch_me(&anna, json!({"display_name": "a\u{0}b"})).await.problem(422, "invalid");
    for body in [json!({}), json!({"display_name": null}), json!({"display_name": "x", "name": "y"}), json!([])] {
        patch_me(&anna, body).await.problem(400, "malformed");
    }
    patch_me(&app.anonymous(), json!({"display_name": "x"})).await.problem(401, "token_missing");
    assert_eq!(anna.get("/v1/users/anna").await.expect(200)["display_name"], "anna");
    patch_me(&anna, json!({"display_name": "ä".repeat(100)})).await.expect(200);
}

#[tokio::test]
async fn password_change_ends_all_other_sessions_on_every_node() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert) = (app.user("anna").await, app.user("bert").await);
    let (here, there) = (log_in(&app, "anna", User::PASSWORD).await, log_in(&app, "anna", User::PASSWORD).await);
    let mut ended = [here.ready_stream("").await, there.on(1).ready_stream("").await];
    let (mut mine, mut berts) = (anna.ready_stream("").await, bert.ready_stream("").await);
    put_password(&anna, User::PASSWORD, NEW_PASSWORD).await.expect(204);
    there.me().await.problem(401, "session_revoked");
    for stream in &mut ended {
        let end = tokio::time::timeout(REVOKED_WITHIN, stream.expect_end("revoked"));
        assert!(end.await.is_ok(), "the stream goes on");
    }
    for user in [&here, &there.on(1)] {
        user.me().await.problem(401, "session_revoked");
    }
    let token = here.session["refresh_token"].as_str().expect("a token");
    app.anonymous().refresh(token).await.problem(401, "session_revoked");
    let direct = anna.direct(&bert).await.expect(201);
    for stream in [&mut mine, &mut berts] {
        assert_eq!(stream.next().await.value["conversation_id"], direct["id"]);
    }
    app.anonymous().log_in("anna", User::PASSWORD).await.problem(401, "credentials_wrong");
    let again = log_in(&app, "anna", NEW_PASSWORD).await;
    app.anonymous().refresh(anna.session["refresh_token"].as_str().expect("a token")).await.expect(200);
    let sessions = again.get("/v1/sessions").await.expect(200);
    assert_eq!(sessions["items"].as_array().map(Vec::len), Some(2), "{sessions}");
}

#[tokio::test]
async fn refused_password_change_ends_no_session() {
    let app = TestApp::start().await;
    let (anna, guest) = (app.user("anna").await, app.guest("guest").await);
    let other = log_in(&app, "anna", User::PASSWORD).await;
    put_password(&anna, "wrong password", NEW_PASSWORD).await.problem(401, "credentials_wrong");
    put_password(&anna, "", NEW_PASSWORD).await.problem(401, "credentials_wrong");
    for new in ["short77", &"p".repeat(257)] {
        let answer = put_password(&anna, User::PASSWORD, new).await;
        assert_eq!(answer.problem(422, "invalid")["errors"][0]["field"], "new");
    }
    for body in
        [json!({}), json!({"current": User::PASSWORD}), json!({"new": NEW_PASSWORD}), json!({"current": 1, "new": 2})]
    {
        anna.put("/v1/me/password", body).await.problem(400, "malformed");
    }
    put_password(&guest, "", NEW_PASSWORD).await.problem(403, "forbidden");
    put_password(&app.anonymous(), User::PASSWORD, NEW_PASSWORD).await.problem(401, "token_missing");
    other.me().await.expect(200);
    log_in(&app, "anna", User::PASSWORD).await;
    app.anonymous().log_in("guest", NEW_PASSWORD).await.problem(401, "credentials_wrong");
}

#[tokio::test]
async fn password_change_with_a_sessionless_token_ends_all_sessions() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    let vouched = anna.with_token(&tokens::mint(&tokens::claims("anna")));
    put_password(&vouched, User::PASSWORD, NEW_PASSWORD).await.expect(204);
    anna.me().await.problem(401, "session_revoked");
    vouched.me().await.expect(200);
}

#[tokio::test]
async fn login_with_the_old_password_does_not_outlive_the_change() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    let (mut blocker, sql) = (app.sql().await, app.sql().await);
    let block = blocker.transaction().await.expect("a transaction");
    block.batch_execute("LOCK TABLE sessions IN SHARE MODE").await.expect("nobody writes sessions");
    let old = tokio::spawn({
        let stranger = app.anonymous();
        async move { stranger.log_in("anna", User::PASSWORD).await }
    });
    wait_for_locks(&sql, 1).await;
    let change = tokio::spawn({
        let anna = anna.clone();
        async move { put_password(&anna, User::PASSWORD, NEW_PASSWORD).await }
    });
    wait_for_locks(&sql, 2).await;
    block.commit().await.expect("they go on");
    let old = app.anonymous().logged_in(&old.await.expect("an answer").expect(201));
    change.await.expect("an answer").expect(204);
    old.me().await.problem(401, "session_revoked");
    anna.me().await.expect(200);
}
