//! Sessions: refresh tokens, logging out, what a revoked session's streams see, and the list of them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{TestApp, User, eventually, query};

/// Promise 6 gives the streams of a revoked session this long, and a busy machine a little more.
const REVOKED_WITHIN: Duration = Duration::from_secs(3);

fn refresh_token(session: &Value) -> &str {
    session["refresh_token"].as_str().expect("a refresh token")
}

async fn two_minutes_pass(app: &TestApp) {
    let statement = "UPDATE refresh_tokens SET replaced_at = replaced_at - interval '2 minutes'";
    app.sql().await.batch_execute(statement).await.expect("time passes");
}

async fn expect_revoked(user: &User) {
    eventually("the session is revoked", REVOKED_WITHIN, async || (user.me().await.status != 200).then_some(())).await;
    user.me().await.problem(401, "session_revoked");
}

#[tokio::test]
async fn refresh_rotates_both_tokens() {
    let app = TestApp::builder().nodes(2).start().await;
    let anna = app.user("anna").await;
    let fresh = app.anonymous().on(1).refresh(refresh_token(&anna.session)).await.expect(200);
    assert_eq!((&fresh["id"], &fresh["token_type"]), (&anna.session["id"], &json!("Bearer")));
    assert_ne!(refresh_token(&fresh), refresh_token(&anna.session));
    anna.with_token(fresh["access_token"].as_str().expect("a token")).me().await.expect(200);
    anna.me().await.expect(200);
    app.anonymous().refresh(refresh_token(&fresh)).await.expect(200);
    for token in ["", "nonsense", anna.token.as_deref().expect("a token")] {
        app.anonymous().refresh(token).await.problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn spent_refresh_token_is_valid_while_its_successor_is_unused() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    app.anonymous().refresh(refresh_token(&anna.session)).await.expect(200);
    two_minutes_pass(&app).await;
    let again = app.anonymous().refresh(refresh_token(&anna.session)).await.expect(200);
    app.anonymous().refresh(refresh_token(&again)).await.expect(200);
}

#[tokio::test]
async fn spent_refresh_token_is_valid_for_a_minute() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    let next = app.anonymous().refresh(refresh_token(&anna.session)).await.expect(200);
    app.anonymous().refresh(refresh_token(&next)).await.expect(200);
    app.anonymous().refresh(refresh_token(&anna.session)).await.expect(200);
}

#[tokio::test]
async fn spent_refresh_token_that_is_reused_revokes_the_session() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    let mut stream = anna.ready_stream("").await;
    let next = app.anonymous().refresh(refresh_token(&anna.session)).await.expect(200);
    let last = app.anonymous().refresh(refresh_token(&next)).await.expect(200);
    two_minutes_pass(&app).await;
    let reuse = app.anonymous().refresh(refresh_token(&anna.session)).await;
    let code = reuse.json()["code"].as_str().expect("a code").to_owned();
    assert!(["session_revoked", "token_invalid"].contains(&code.as_str()), "{code}");
    reuse.problem(401, &code);
    expect_revoked(&anna).await;
    assert_eq!(app.anonymous().refresh(refresh_token(&last)).await.status, 401);
    stream.expect_end("revoked").await;
    app.anonymous().log_in("anna", User::PASSWORD).await.expect(201);
}

#[tokio::test]
async fn logout_ends_the_streams_of_the_session_on_every_node() {
    let app = TestApp::builder().nodes(2).start().await;
    let anna = app.user("anna").await;
    let other = app.anonymous().logged_in(&app.anonymous().log_in("anna", User::PASSWORD).await.expect(201));
    let poll = tokio::spawn({
        let anna = anna.on(1);
        async move { anna.updates("?wait=50").await }
    });
    let (mut here, mut there) = (anna.ready_stream("").await, anna.on(1).ready_stream("").await);
    let mut others = other.ready_stream("").await;
    let begin = Instant::now();
    anna.log_out().await.expect(204);
    here.expect_end("revoked").await;
    there.expect_end("revoked").await;
    poll.await.expect("an answer").problem(401, "session_revoked");
    assert!(begin.elapsed() < REVOKED_WITHIN, "{:?}", begin.elapsed());
    expect_revoked(&anna).await;
    expect_revoked(&anna.on(1)).await;
    let hello = other.direct(&app.guest("bert").await).await.expect(201);
    assert_eq!(others.next().await.value["conversation_id"], hello["id"]);
}

#[tokio::test]
async fn session_is_ended_by_its_owner_only() {
    let app = TestApp::start().await;
    let (anna, bert) = (app.user("anna").await, app.user("bert").await);
    let other = app.anonymous().logged_in(&app.anonymous().log_in("anna", User::PASSWORD).await.expect(201));
    let path = format!("/v1/sessions/{}", other.session["id"].as_str().expect("an id"));
    bert.delete(&path).await.problem(404, "not_found");
    other.me().await.expect(200);
    anna.delete(&path).await.expect(204);
    expect_revoked(&other).await;
    anna.delete(&path).await.problem(404, "not_found");
    anna.me().await.expect(200);
}

async fn listed(user: &User) -> Vec<Value> {
    let list = user.get("/v1/sessions").await.expect(200);
    assert_eq!(list["next"], Value::Null, "{list}");
    list["items"].as_array().expect("items").clone()
}

#[tokio::test]
async fn own_sessions_are_listed_without_tokens_and_the_current_one_is_marked() {
    let app = TestApp::start().await;
    let (anna, bert) = (app.user("anna").await, app.user("bert").await);
    let phone = json!({"name": "anna", "password": User::PASSWORD, "device": "phone"});
    let phone = app.anonymous().logged_in(&app.anonymous().post("/v1/sessions", phone).await.expect(201));
    let sessions = listed(&anna).await;
    let seen: Vec<_> =
        sessions.iter().map(|session| (&session["id"], &session["device"], &session["current"])).collect();
    let (first, second) = (&anna.session["id"], &phone.session["id"]);
    assert_eq!(seen, [(second, &json!("phone"), &json!(false)), (first, &json!("test"), &json!(true))]);
    let fields: Vec<_> = sessions[0].as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(fields, ["created_at", "current", "device", "id", "last_seen_at"]);
    assert_eq!(listed(&phone).await[0]["current"], true);
    assert_eq!(listed(&bert).await.len(), 1);
    assert_eq!(listed(&app.guest("carl").await).await, Vec::<Value>::new());
    let statement = "UPDATE sessions SET last_seen_at = last_seen_at - interval '1 day'";
    app.sql().await.batch_execute(statement).await.expect("a day passes");
    app.anonymous().refresh(refresh_token(&phone.session)).await.expect(200);
    let times = |session: &Value| {
        [&session["created_at"], &session["last_seen_at"]].map(|time| time.as_str().map(str::to_owned))
    };
    let [newer, older] = &listed(&anna).await[..] else { panic!("not two sessions") };
    let ([created, seen], [_, long_ago]) = (times(newer), times(older));
    assert!(seen >= created && seen > long_ago, "{newer} {older}");
}

#[tokio::test]
async fn ended_session_is_neither_listed_nor_ended_again() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    let mut others = Vec::new();
    for _ in 0..2 {
        let session = app.anonymous().log_in("anna", User::PASSWORD).await.expect(201);
        others.push(session["session"]["id"].as_str().expect("an id").to_owned());
    }
    let path = |id: &str| format!("/v1/sessions/{id}");
    for session in listed(&anna).await.iter().filter(|session| session["current"] == false).take(1) {
        anna.delete(&path(session["id"].as_str().expect("an id"))).await.expect(204);
    }
    let expire = format!("UPDATE sessions SET expires_at = now() WHERE id = '{}'", others[0]);
    app.sql().await.batch_execute(&expire).await.expect("it expires");
    assert_eq!(listed(&anna).await.iter().map(|session| &session["id"]).collect::<Vec<_>>(), [&anna.session["id"]]);
    for id in &others {
        anna.delete(&path(id)).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn session_list_is_paged() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    let statement = format!(
        "INSERT INTO sessions (id, user_id, expires_at)
         SELECT gen_random_uuid(), '{}', now() + interval '1 day' FROM generate_series(1, 6)",
        anna.id
    );
    app.sql().await.batch_execute(&statement).await.expect("more sessions");
    let all: Vec<_> = listed(&anna).await;
    let (mut seen, mut parameters) = (Vec::new(), query(&[("limit", "3")]));
    loop {
        let page = anna.get(&format!("/v1/sessions{parameters}")).await.expect(200);
        let items = page["items"].as_array().expect("items");
        assert!((1..=3).contains(&items.len()), "{page}");
        seen.extend(items.iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        parameters = query(&[("page", next)]);
    }
    assert_eq!((seen.len(), seen), (7, all));
    for bad in ["?limit=0", "?limit=201", "?page=x", "?query=x"] {
        anna.get(&format!("/v1/sessions{bad}")).await.problem(400, "malformed");
    }
    app.anonymous().get("/v1/sessions").await.problem(401, "token_missing");
}
