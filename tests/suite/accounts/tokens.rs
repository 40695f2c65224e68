//! Tokens: of the app's own backend, forged ones, in URLs, and tickets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::tokens::{EXTERNAL_SECRET, claims, mint, mint_with, unix_time};
use crate::support::{SOON, TestApp, User, eventually, query};

/// Signs header and claims that are given as text, so that they can be wrong in any way.
fn raw_token(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(EXTERNAL_SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("a signature");
    format!("{message}.{signature}")
}

fn with(field: &str, value: Value) -> Value {
    let mut claims = claims("anna");
    claims[field] = value;
    claims
}

fn without(field: &str) -> Value {
    let mut claims = claims("anna");
    claims.as_object_mut().expect("an object").remove(field);
    claims
}

#[tokio::test]
async fn external_token_creates_its_user() {
    let app = TestApp::start().await;
    let anna = app.anonymous().with_token(&mint(&claims("Anna")));
    let me = anna.me().await.expect(200);
    assert_eq!((&me["name"], &me["role"]), (&json!("anna"), &json!("user")));
    assert_eq!(app.guest("anna").await.id, me["id"].as_str().expect("an id"));
    app.anonymous().log_in("anna", User::PASSWORD).await.problem(401, "credentials_wrong");
    app.anonymous().with_token(&mint(&claims("not a name"))).me().await.problem(401, "token_invalid");
}

#[tokio::test]
async fn forged_and_foreign_tokens_are_refused() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    app.anonymous().with_token(&mint(&claims("anna"))).me().await.expect(200);
    let good = claims("anna").to_string();
    let plain = |header: &str| format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&good));
    let hs256 = r#"{"alg":"HS256","typ":"JWT"}"#;
    let signed = raw_token(hs256, &good);
    let (unsigned, signature) = signed.rsplit_once('.').expect("three parts");
    let own = anna.token.clone().expect("a token");
    let mut tokens = vec![
        (String::new(), "nothing"),
        ("nonsense".to_owned(), "not a token"),
        (plain(r#"{"alg":"none"}"#), "alg none"),
        (plain(r#"{"alg":"None"}"#), "alg None"),
        (plain(r#"{"alg":"nOnE","typ":"JWT"}"#), "alg nOnE"),
        (format!("{unsigned}."), "no signature"),
        (format!("{unsigned}.{}", signature.to_lowercase()), "another signature"),
        (
            mint_with(&Header::new(Algorithm::HS256), &claims("anna"), b"another secret of at least 32 bytes"),
            "another key",
        ),
        (mint_with(&Header::new(Algorithm::HS256), &claims("anna"), b""), "an empty key"),
        (mint_with(&Header::new(Algorithm::HS512), &claims("anna"), EXTERNAL_SECRET.as_bytes()), "another algorithm"),
        (raw_token(r#"{"alg":"HS256","crit":["x"],"x":1}"#, &good), "an unknown critical header"),
        (raw_token(r#"{"alg":"HS256","zip":"DEF"}"#, &good), "compressed"),
        (raw_token(hs256, &good.replace('}', r#","sub":"bert"}"#)), "a claim twice"),
        (raw_token(hs256, "[]"), "claims that are no object"),
        (format!("{signed}.{signature}.x"), "five parts"),
        (json!({"payload": "", "signatures": []}).to_string(), "JSON serialisation"),
        (format!("{own}x"), "an own token and more"),
        (anna.session["refresh_token"].as_str().expect("a token").to_owned(), "a refresh token"),
    ];
    let times =
        [("aud", json!("elsewhere")), ("aud", json!(["a", "b"])), ("nbf", json!(unix_time(60))), ("sub", json!(7))];
    tokens.extend(times.into_iter().map(|(field, value)| (mint(&with(field, value)), field)));
    tokens.extend(["aud", "exp", "sub"].map(|field| (mint(&without(field)), field)));
    for (token, what) in &tokens {
        let answer = app.anonymous().with_token(token).me().await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        let code = answer.json()["code"].as_str().expect("a code").to_owned();
        assert!(code == "token_invalid" || (code == "token_missing" && token.is_empty()), "{what}: {code}");
        answer.problem(401, &code);
        assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")), "{what}");
    }
}

#[tokio::test]
async fn expired_token_has_five_seconds_of_leeway() {
    let app = TestApp::start().await;
    let answer = app.anonymous().with_token(&mint(&with("exp", json!(unix_time(-7))))).me().await;
    answer.problem(401, "token_expired");
    assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
}

#[tokio::test]
async fn token_of_100_kib_is_refused() {
    let app = TestApp::start().await;
    let answer = app.anonymous().with_token(&"x".repeat(100 * 1024)).me().await;
    assert!([401, 431].contains(&answer.status), "{}", answer.status);
}

#[tokio::test]
async fn stream_ends_before_its_token_expires() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let end = unix_time(4);
    let brief = anna.with_token(&mint(&with("exp", json!(end))));
    let mut stream = brief.ready_stream("").await;
    stream.expect_end("token_expiring").await;
    assert!(unix_time(0) <= end + 6, "the stream outlived its token");
    let brief = anna.with_token(&mint(&with("exp", json!(unix_time(3)))));
    brief.updates("?wait=50").await.expect(200);
}

#[tokio::test]
async fn disabled_user_loses_streams_and_tokens() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let mut stream = anna.ready_stream("").await;
    let disable = "UPDATE users SET disabled_at = now() WHERE name = 'anna'";
    app.sql().await.batch_execute(disable).await.expect("it is updated");
    stream.expect_end("revoked").await;
    let refused = async || (anna.me().await.status == 401).then_some(());
    eventually("the token is refused", SOON, refused).await;
}

#[tokio::test]
async fn token_in_a_url_authenticates_nobody() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    let token = anna.token.clone().expect("a token");
    for name in ["access_token", "token", "ticket"] {
        for path in ["/v1/me", "/v1/stream", "/v1/updates"] {
            let url = format!("{path}{}", query(&[(name, &token)]));
            assert_eq!(app.anonymous().get(&url).await.status, 401, "{url}");
        }
    }
    anna.get(&format!("/v1/me{}", query(&[("access_token", &token)]))).await.problem(400, "malformed");
}

#[tokio::test]
async fn ticket_opens_one_stream() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert) = (app.user("anna").await, app.guest("bert").await);
    let ticket = anna.answer(anna.request(Method::POST, "/v1/tickets")).await.expect(201);
    assert_eq!(ticket["expires_in"], 30);
    let ticket = ticket["ticket"].as_str().expect("a ticket").to_owned();
    let mut stream = app.anonymous().on(1).ready_stream(&query(&[("ticket", &ticket), ("after", "now")])).await;
    bert.direct(&anna).await.expect(201);
    assert_eq!(stream.next().await.kind, "conversation.created");
    for node in 0..2 {
        let again = app.anonymous().on(node).get(&format!("/v1/stream{}", query(&[("ticket", &ticket)]))).await;
        assert_eq!(again.status, 401);
    }
    anna.log_out().await.expect(204);
    stream.expect_end("revoked").await;
}

#[tokio::test]
async fn ticket_is_for_streams_only_and_expires() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let ticket = anna.answer(anna.request(Method::POST, "/v1/tickets")).await.expect(201);
    let parameter = query(&[("ticket", ticket["ticket"].as_str().expect("a ticket"))]);
    for path in ["/v1/me", "/v1/updates", "/v1/conversations"] {
        assert_eq!(app.anonymous().get(&format!("{path}{parameter}")).await.status, 401, "{path}");
    }
    let lapse = "UPDATE tickets SET expires_at = expires_at - interval '31 seconds'";
    app.sql().await.batch_execute(lapse).await.expect("time passes");
    assert_eq!(app.anonymous().get(&format!("/v1/stream{parameter}")).await.status, 401);
    assert_eq!(app.anonymous().get("/v1/stream?ticket=unknown").await.status, 401);
}
