//! Bots and their long-lived tokens.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Database, SOON, TestApp, User, eventually};

async fn make(user: &User, name: &str) -> Value {
    user.post("/v1/bots", json!({"name": name})).await.expect(201)
}

async fn token(owner: &User, bot: &str) -> Value {
    owner.post(&format!("/v1/bots/{bot}/tokens"), json!({"name": "server"})).await.expect(201)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("text instead of {value}"))
}

/// Answers a caller with this token.
fn bearer(app: &TestApp, token: &Value) -> User {
    app.anonymous().with_token(text(&token["token"]))
}

#[tokio::test]
async fn bot_is_a_user_with_an_owner_and_without_a_password() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let body = json!({"name": "Weather", "display_name": "The weather"});
    let bot = anna.post("/v1/bots", body.clone()).await.expect(201);
    assert_eq!((&bot["name"], &bot["role"]), (&json!("weather"), &json!("bot")));
    assert_eq!(bert.get("/v1/users/weather").await.expect(200), bot);
    assert_eq!(anna.get("/v1/bots").await.expect(200)["items"], json!([bot]));
    assert_eq!(bert.get("/v1/bots").await.expect(200)["items"], json!([]));
    bert.post("/v1/bots", body).await.problem(409, "name_taken");
    anna.post("/v1/bots", json!({"name": "anna"})).await.problem(409, "name_taken");
    anna.post("/v1/bots", json!({"name": "-"})).await.problem(422, "invalid");
    anna.post("/v1/bots", json!({"name": "other", "role": "admin"})).await.problem(400, "malformed");
    for password in ["", "lwb_", User::PASSWORD] {
        app.anonymous().log_in("weather", password).await.problem(401, "credentials_wrong");
    }
}

#[tokio::test]
async fn bot_token_calls_the_api_as_a_user_does() {
    let app = TestApp::builder().nodes(2).start().await;
    let anna = app.guest("anna").await;
    let bot = make(&anna, "weather").await;
    let token = token(&anna, "weather").await;
    let group = anna.post("/v1/conversations", json!({"kind": "group", "members": ["weather"]})).await.expect(201);
    let group = text(&group["id"]);
    for node in 0..2 {
        let weather = bearer(&app, &token).on(node);
        assert_eq!(weather.me().await.expect(200), bot);
        let mut stream = weather.ready_stream("").await;
        let message = weather.say(group, "sunny").await;
        assert_eq!(message["sender"]["id"], bot["id"]);
        assert_eq!(stream.next_event().await.text(), "sunny");
        weather.post("/v1/bots", json!({"name": "child"})).await.problem(403, "forbidden");
    }
    let ticket = bearer(&app, &token).post("/v1/tickets", json!({})).await.expect(201);
    let mut stream = app.anonymous().ready_stream(&format!("?ticket={}", text(&ticket["ticket"]))).await;
    anna.say(group, "and tomorrow?").await;
    assert_eq!(stream.next_event().await.text(), "and tomorrow?");
}

#[tokio::test]
async fn bot_token_is_shown_once_and_listed_by_its_prefix() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    make(&anna, "weather").await;
    let made = token(&anna, "weather").await;
    let secret = text(&made["token"]);
    assert!(secret.starts_with("lwb_") && secret.starts_with(text(&made["prefix"])) && secret.len() == 47, "{made}");
    assert_eq!((&made["name"], &made["expires_at"]), (&json!("server"), &Value::Null));
    let short = anna.post("/v1/bots/weather/tokens", json!({"expires_in": 3600})).await.expect(201);
    assert!(short["expires_at"].is_string() && short["name"].is_null(), "{short}");
    let list = anna.get("/v1/bots/weather/tokens").await;
    assert!(!list.text().contains(secret));
    let hidden = |token: &Value| {
        let mut token = token.clone();
        token["token"] = Value::Null;
        token
    };
    assert_eq!(list.expect(200)["items"], json!([hidden(&made), hidden(&short)]));
    let page = anna.get("/v1/bots/weather/tokens?limit=1").await.expect(200);
    let next = anna.get(&format!("/v1/bots/weather/tokens?page={}", text(&page["next"]))).await.expect(200);
    assert_eq!((&page["items"][0]["id"], &next["items"][0]["id"]), (&made["id"], &short["id"]));
    let stored = "SELECT count(*) FROM bot_tokens WHERE hash = sha256($1::text::bytea) AND length(prefix) = 12";
    assert_eq!(app.sql().await.query_one(stored, &[&secret]).await.expect("a row").get::<_, i64>(0), 1);
    for body in [json!({"expires_in": 5}), json!({"expires_in": 1_000_000_000_000_u64}), json!({"name": ""})] {
        anna.post("/v1/bots/weather/tokens", body).await.problem(422, "invalid");
    }
    anna.post("/v1/bots/weather/tokens", json!({"expires_in": -1})).await.problem(400, "malformed");
}

#[tokio::test]
async fn revoked_bot_token_ends_its_streams_on_every_node_and_no_others() {
    let app = TestApp::builder().nodes(2).start().await;
    let anna = app.guest("anna").await;
    make(&anna, "weather").await;
    let (revoked, kept) = (token(&anna, "weather").await, token(&anna, "weather").await);
    let (weather, other) = (bearer(&app, &revoked), bearer(&app, &kept));
    let (mut here, mut there) = (weather.ready_stream("").await, weather.on(1).ready_stream("").await);
    let mut others = other.ready_stream("").await;
    let path = format!("/v1/bots/weather/tokens/{}", text(&revoked["id"]));
    anna.delete(&path).await.expect(204);
    here.expect_end("revoked").await;
    there.expect_end("revoked").await;
    for node in 0..2 {
        weather.on(node).me().await.problem(401, "session_revoked");
        other.on(node).me().await.expect(200);
    }
    anna.delete(&path).await.problem(404, "not_found");
    assert_eq!(anna.get("/v1/bots/weather/tokens").await.expect(200)["items"][0]["id"], kept["id"]);
    anna.post("/v1/conversations", json!({"kind": "direct", "members": ["weather"]})).await.expect(201);
    others.next_event().await;
    // Long after, a node knows of it only by looking.
    let old = "UPDATE sessions SET revoked_at = now() - interval '1 day' WHERE revoked_at IS NOT NULL";
    app.sql().await.batch_execute(old).await.expect("an update");
    let later = TestApp::builder().database(Database::at(app.database.url())).start().await;
    bearer(&later, &revoked).me().await.problem(401, "session_revoked");
}

#[tokio::test]
async fn expired_bot_token_is_refused_and_no_stream_outlives_it() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    make(&anna, "weather").await;
    let (over, ending) = (token(&anna, "weather").await, token(&anna, "weather").await);
    let expire = async |token: &Value, span: &str| {
        let statement =
            format!("UPDATE sessions SET expires_at = now() + interval '{span}' WHERE id = '{}'", text(&token["id"]));
        app.sql().await.batch_execute(&statement).await.expect("an update");
    };
    expire(&over, "-1 s").await;
    bearer(&app, &over).me().await.problem(401, "token_expired");
    expire(&ending, "8 s").await;
    bearer(&app, &ending).ready_stream("").await.expect_end("token_expiring").await;
}

#[tokio::test]
async fn wrong_bot_tokens_are_invalid() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    make(&anna, "weather").await;
    let made = token(&anna, "weather").await;
    let good = text(&made["token"]);
    for wrong in [
        format!("lwb_{}", "a".repeat(43)),
        format!("{good}x"),
        good[..46].to_owned(),
        good.replace("lwb_", "lwc_"),
        good.to_uppercase(),
        text(&made["prefix"]).to_owned(),
        text(&made["id"]).to_owned(),
    ] {
        app.anonymous().with_token(&wrong).me().await.problem(401, "token_invalid");
    }
    let in_url = app.anonymous().get(&format!("/v1/updates?wait=0&token={good}")).await;
    assert!([400, 401].contains(&in_url.status), "{}", in_url.text());
}

#[tokio::test]
async fn bot_is_managed_by_its_owner_or_an_admin_only() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert, root] = app.guests(["anna", "bert", "root"]).await;
    let bot = make(&anna, "weather").await;
    let made = token(&anna, "weather").await;
    let weather = bearer(&app, &made);
    let token_path = |bot: &str| format!("/v1/bots/{bot}/tokens/{}", text(&made["id"]));
    for (caller, bot) in
        [(&bert, "weather"), (&bert, text(&bot["id"])), (&weather, "me"), (&anna, "nobody"), (&anna, "bert")]
    {
        caller.post(&format!("/v1/bots/{bot}/tokens"), json!({})).await.problem(404, "not_found");
        caller.get(&format!("/v1/bots/{bot}/tokens")).await.problem(404, "not_found");
        caller.delete(&token_path(bot)).await.problem(404, "not_found");
    }
    make(&bert, "news").await;
    bert.delete(&token_path("news")).await.problem(404, "not_found");
    anna.delete("/v1/bots/weather/tokens/x").await.problem(404, "not_found");
    weather.me().await.expect(200);
    app.sql().await.batch_execute("UPDATE users SET role = 'admin' WHERE name = 'root'").await.expect("an update");
    // The other node has not seen root before.
    let root = root.on(1);
    root.get("/v1/bots/weather/tokens").await.expect(200);
    root.delete(&token_path("weather")).await.expect(204);
    weather.on(1).me().await.problem(401, "session_revoked");
}

#[tokio::test]
async fn bot_is_disabled_with_its_owner() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    make(&anna, "weather").await;
    let weather = bearer(&app, &token(&anna, "weather").await);
    let mut stream = weather.ready_stream("").await;
    let disable = "UPDATE users SET disabled_at = now() WHERE name = 'anna'";
    app.sql().await.batch_execute(disable).await.expect("an update");
    stream.expect_end("revoked").await;
    eventually("its token is refused", SOON, async || (weather.me().await.status == 401).then_some(())).await;
}

#[tokio::test]
async fn deleted_bot_is_unlisted_and_its_tokens_are_refused() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    make(&anna, "weather").await;
    let weather = bearer(&app, &token(&anna, "weather").await);
    weather.delete("/v1/me").await.expect(204);
    weather.me().await.problem(401, "session_revoked");
    assert_eq!(anna.get("/v1/bots").await.expect(200)["items"], json!([]));
    anna.post("/v1/bots/weather/tokens", json!({})).await.problem(404, "not_found");
}

#[tokio::test]
async fn idempotency_keys_hold_for_bots_and_bot_tokens() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (key, body) = (Uuid::new_v4().to_string(), json!({"name": "weather"}));
    let bot = anna.post_with_key("/v1/bots", &key, body.clone()).await.expect(201);
    assert_eq!(bot["id"], key.as_str());
    let again = anna.on(1).post_with_key("/v1/bots", &key, body.clone()).await;
    assert!(again.is_replay());
    assert_eq!(again.expect(201), bot);
    anna.post_with_key("/v1/bots", &key, json!({"name": "news"})).await.problem(422, "idempotency_key_reused");
    bert.post_with_key("/v1/bots", &key, body.clone()).await.problem(409, "idempotency_key_taken");
    bert.post_with_key("/v1/bots", &anna.id, json!({"name": "news"})).await.problem(409, "idempotency_key_taken");
    let (key, path) = (Uuid::new_v4().to_string(), "/v1/bots/weather/tokens");
    let made = anna.post_with_key(path, &key, json!({})).await.expect(201);
    assert_eq!(made["id"], key.as_str());
    let again = anna.post_with_key(path, &key, json!({})).await;
    assert!(again.is_replay());
    assert_eq!(again.expect(201)["token"], Value::Null);
    bearer(&app, &made).me().await.expect(200);
    let other = json!({"name": "other"});
    anna.post_with_key(path, &key, other).await.problem(422, "idempotency_key_reused");
    assert_eq!(anna.get(path).await.expect(200)["items"].as_array().map(Vec::len), Some(1));
}
