//! The directory: users by what their names begin with.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, User, query};

async fn named(app: &TestApp, name: &str, display_name: &str) -> User {
    let user = app.guest(name).await;
    let body = json!({"display_name": display_name});
    user.answer(user.request(Method::PATCH, "/v1/me").json(&body)).await.expect(200);
    user
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().map(|user| user["name"].as_str().expect("a name")).collect()
}

async fn find(user: &User, text: &str) -> Value {
    user.get(&format!("/v1/users{}", query(&[("query", text)]))).await.expect(200)
}

#[tokio::test]
async fn directory_finds_users_by_prefix_of_either_name_in_any_case() {
    let app = TestApp::start().await;
    let anna = named(&app, "anna", "Anna Berg").await;
    named(&app, "bert", "\u{c4}rmel Stra\u{df}e").await;
    named(&app, "berta", "\u{3a3}\u{3a5}\u{3a3} 100%_x").await;
    named(&app, "carl", "Bernd").await;
    let registered = json!({"name": "dora", "password": User::PASSWORD, "display_name": "Bea"});
    app.anonymous().post("/v1/users", registered).await.expect(201);
    for (text, expected) in [
        ("anna", &["anna"][..]),
        ("ANNA B", &["anna"]),
        ("be", &["dora", "carl", "bert", "berta"]),
        ("BERT", &["bert", "berta"]),
        ("ber", &["carl", "bert", "berta"]),
        ("\u{e4}rmel s", &["bert"]),
        ("A\u{308}RMEL STRASSE", &["bert"]),
        ("\u{3c3}\u{3c5}\u{3c2}", &["berta"]),
        ("\u{3c3}\u{3c5}\u{3c3} 100%_", &["berta"]),
        ("rmel", &[]),
        ("berg", &[]),
        ("%", &[]),
        ("_", &[]),
        ("a_na", &[]),
    ] {
        let page = find(&anna, text).await;
        assert_eq!((names(&page), &page["next"]), (expected.to_vec(), &Value::Null), "{text}");
    }
    assert_eq!(find(&anna, "anna").await["items"][0], anna.me().await.expect(200));
}

#[tokio::test]
async fn directory_pages_hold_every_match_once() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let statement = "
        INSERT INTO users (id, name, display_name, display_key)
        SELECT gen_random_uuid(), name, key, key
          FROM (SELECT 'm' || n AS name,
                       CASE n % 4 WHEN 0 THEN 'm' || n WHEN 1 THEN 'm' || 99 - n WHEN 2 THEN 'mz' ELSE 'x' END AS key
                  FROM generate_series(10, 49) n
                UNION ALL SELECT 'x' || n, 'm' || n FROM generate_series(10, 19) n) u";
    app.sql().await.batch_execute(statement).await.expect("more users");
    let page = |parameters: String| {
        let anna = anna.clone();
        async move { anna.get(&format!("/v1/users{parameters}")).await.expect(200) }
    };
    let all = page(query(&[("query", "M"), ("limit", "200")])).await;
    let mut distinct = names(&all);
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!((distinct.len(), names(&all).len(), &all["next"]), (50, 50, &Value::Null));
    for limit in ["1", "2", "3", "7", "20", "49", "50"] {
        let (mut seen, mut parameters) = (Vec::new(), query(&[("query", "M"), ("limit", limit)]));
        loop {
            let found = page(parameters).await;
            let items = found["items"].as_array().expect("items");
            assert!(items.len().to_string() == limit || (found["next"].is_null() && !items.is_empty()), "{found}");
            seen.extend(items.iter().cloned());
            let Some(next) = found["next"].as_str() else { break };
            parameters = query(&[("page", next)]);
        }
        assert_eq!(json!(seen), all["items"], "in pages of {limit}");
    }
}

#[tokio::test]
async fn directory_leaves_out_disabled_users() {
    let app = TestApp::start().await;
    let [anna, _bert] = app.guests(["anna", "annabert"]).await;
    assert_eq!(names(&find(&anna, "anna").await), ["anna", "annabert"]);
    let statement = "UPDATE users SET disabled_at = now() WHERE name = 'annabert'";
    app.sql().await.batch_execute(statement).await.expect("one is disabled");
    assert_eq!(names(&find(&anna, "anna").await), ["anna"]);
}

#[tokio::test]
async fn directory_queries_that_are_invalid_are_refused() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let long = format!("?query={}", "x".repeat(101));
    let forged = |place: Value| {
        use base64::Engine;
        query(&[("page", &base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(place.to_string()))])
    };
    let empty = forged(json!({"query": "", "key": "", "name": "", "limit": 5}));
    let endless = forged(json!({"query": "a", "key": "", "name": "", "limit": 5000}));
    let nul = forged(json!({"query": "a", "key": "a\u{0}", "name": "", "limit": 5}));
    for bad in [
        "",
        "?query=",
        &long,
        "?query=a&limit=0",
        "?query=a&limit=201",
        "?query=a&name=b",
        "?page=x",
        &empty,
        &endless,
        &nul,
    ] {
        anna.get(&format!("/v1/users{bad}")).await.problem(400, "malformed");
    }
    anna.get("/v1/users?query=a%00").await.problem(422, "invalid");
    app.anonymous().get("/v1/users?query=a").await.problem(401, "token_missing");
    find(&anna, &"x".repeat(100)).await;
}
