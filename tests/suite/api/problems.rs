//! Every refused request says why, in one problem document.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, TestApp, User};

async fn send_raw(user: &User, path: &str, media_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    user.answer(user.request(Method::POST, path).header("content-type", media_type).body(body)).await
}

/// A user with a conversation, and the path of its messages.
async fn anna_with_a_conversation(app: &TestApp) -> (User, String) {
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let id = anna.create_group(&[&bert]).await;
    (anna, format!("/v1/conversations/{id}/messages"))
}

#[tokio::test]
async fn unknown_paths_are_not_found_even_without_a_token() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    for path in ["/v1", "/v1/nothing", "/v2/me", "/v1/me/", "/v1/conversations/x/y/z", "/nothing"] {
        app.anonymous().get(path).await.problem(404, "not_found");
        anna.post(path, json!({})).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn wrong_method_answers_the_allowed_ones() {
    let app = TestApp::start().await;
    let methods = [
        (Method::DELETE, "/v1/users", "POST"),
        (Method::PUT, "/v1/me", "GET"),
        (Method::POST, "/v1/updates", "GET"),
        (Method::POST, "/v1/stream", "GET"),
        (Method::TRACE, "/v1/conversations", "GET, POST"),
        (Method::POST, "/healthz", "GET"),
    ];
    for (method, path, allowed) in methods {
        let answer = app.anonymous().answer(app.anonymous().request(method.clone(), path)).await;
        answer.problem(405, "method_not_allowed");
        let allow = answer.header("allow").expect("a header Allow").to_owned();
        for method in allowed.split(", ") {
            assert!(allow.split(',').any(|named| named.trim() == method), "{path}: {allow}");
        }
        assert!(!allow.contains(method.as_str()), "{path}: {allow}");
    }
    let overridden = app.anonymous().request(Method::GET, "/healthz").header("x-http-method-override", "DELETE");
    app.anonymous().answer(overridden).await.expect(200);
}

#[tokio::test]
async fn head_is_allowed_where_get_is_except_for_streams_and_polls() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    for (path, status) in [("/v1/me", 200), ("/healthz", 200), ("/v1/conversations", 200), ("/v1/nothing", 404)] {
        let answer = anna.answer(anna.request(Method::HEAD, path)).await;
        assert_eq!((answer.status, answer.body.len()), (status, 0), "{path}");
    }
    for path in ["/v1/stream", "/v1/updates"] {
        let answer = anna.answer(anna.request(Method::HEAD, path)).await;
        assert_eq!((answer.status, answer.body.len()), (405, 0), "{path}");
        assert_eq!(answer.header("allow"), Some("GET"), "{path}");
    }
}

#[tokio::test]
async fn missing_token_is_challenged() {
    let app = TestApp::start().await;
    for path in ["/v1/me", "/v1/conversations", "/v1/updates", "/v1/stream", "/v1/messages/x", "/v1/cursors"] {
        let answer = app.anonymous().get(path).await;
        answer.problem(401, "token_missing");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{path}");
    }
    let basic = app.anonymous().request(Method::GET, "/v1/me").basic_auth("anna", Some("password"));
    assert_eq!(app.anonymous().answer(basic).await.status, 401);
}

#[tokio::test]
async fn bodies_of_the_wrong_shape_are_malformed() {
    let app = TestApp::start().await;
    let (anna, path) = anna_with_a_conversation(&app).await;
    let deep = format!(r#"{{"text":"x","metadata":{{"deep":{}1{}}}}}"#, "[".repeat(200), "]".repeat(200));
    let bodies: [&[u8]; 12] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        br#"{"text":1}"#,
        br#"{"text":null}"#,
        br#"{"text":"x","txt":"y"}"#,
        b"{\"text\":\"\xff\"}",
        br#"{"text":"x"} {"#,
        br#"{"text":"x","text":"y"}"#,
        deep.as_bytes(),
    ];
    for body in bodies {
        let answer = send_raw(&anna, &path, "application/json", body.to_vec()).await;
        assert_eq!(answer.status, 400, "{:?}: {}", String::from_utf8_lossy(body), answer.text());
        answer.problem(400, "malformed");
    }
    let unknown = anna.post(&path, json!({"text": "x", "txt": "y"})).await.problem(400, "malformed");
    assert!(unknown.to_string().contains("txt"), "{unknown}");
    assert_eq!(anna.get(&path).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn array_is_malformed_where_an_object_is_due() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    anna.patch("/v1/me", json!(["Anna Berg"])).await.problem(400, "malformed");
    anna.post("/v1/bots", json!(["weather"])).await.problem(400, "malformed");
    anna.post("/v1/bots", json!({"name": "weather"})).await.expect(201);
    anna.post("/v1/bots/weather/tokens", json!([null, null])).await.problem(400, "malformed");
    assert_eq!(anna.get("/v1/bots/weather/tokens").await.expect(200)["items"], json!([]));
    assert_eq!(anna.me().await.expect(200)["display_name"], "anna");
}

#[tokio::test]
async fn parameters_that_are_unknown_or_out_of_range_are_malformed() {
    let app = TestApp::start().await;
    let (anna, path) = anna_with_a_conversation(&app).await;
    for query in
        ["?limit=0", "?limit=201", "?limit=-1", "?limit=1000000", "?limit=x", "?limt=5", "?order=up", "?page=x"]
    {
        anna.get(&format!("{path}{query}")).await.problem(400, "malformed");
    }
    for path in ["/v1/me?x=1", "/v1/updates?wait=56", "/v1/updates?wait=-1", "/v1/updates?limit=0"] {
        anna.get(path).await.problem(400, "malformed");
    }
    anna.get("/v1/stream?atfer=now").await.problem(400, "malformed");
}

#[tokio::test]
async fn idempotency_keys_that_are_no_uuids_are_malformed() {
    let app = TestApp::start().await;
    let (anna, path) = anna_with_a_conversation(&app).await;
    let simple = Uuid::now_v7().simple().to_string();
    for key in ["", "abc", &"k".repeat(256), &simple] {
        anna.post_with_key(&path, key, json!({"text": "x"})).await.problem(400, "malformed");
    }
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_too_large() {
    let app = TestApp::start().await;
    let (anna, path) = anna_with_a_conversation(&app).await;
    let large = "x".repeat(256 * 1024 + 1);
    send_raw(&anna, &path, "text/plain", large.clone()).await.problem(413, "body_too_large");
    send_raw(&anna, "/v1/users", "application/json", large.clone()).await.problem(413, "body_too_large");
    let members = json!({"kind": "group", "members": vec![anna.id.clone(); 12_000]});
    assert!(members.to_string().len() > 256 * 1024);
    assert_ne!(anna.post("/v1/conversations", members).await.status, 413);
    let larger = "x".repeat(1024 * 1024 + 1);
    send_raw(&anna, "/v1/conversations", "application/json", larger).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn other_media_types_are_unsupported() {
    let app = TestApp::start().await;
    let (anna, path) = anna_with_a_conversation(&app).await;
    for media_type in ["application/xml", "text/html", "multipart/form-data; boundary=x", "application/jsonx"] {
        send_raw(&anna, &path, media_type, "hi").await.problem(415, "media_type_unsupported");
    }
    send_raw(&anna, "/v1/messages", "text/plain", "hi").await.problem(415, "media_type_unsupported");
    for media_type in ["application/json; charset=utf-8", "APPLICATION/JSON"] {
        send_raw(&anna, &path, media_type, r#"{"text":"hi"}"#).await.expect(201);
    }
}

#[tokio::test]
async fn headers_beyond_the_limit_are_too_large() {
    let app = TestApp::start().await;
    let request = app.anonymous().request(Method::GET, "/healthz").header("x-large", "x".repeat(70 * 1024));
    assert_eq!(app.anonymous().answer(request).await.status, 431);
}

#[tokio::test]
async fn malformed_ids_in_paths_are_not_found() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let simple = Uuid::now_v7().simple().to_string();
    for id in ["x", "1", "%00", "%F0%9F%98%80", &simple, "../me"] {
        for path in [
            format!("/v1/conversations/{id}"),
            format!("/v1/messages/{id}"),
            format!("/v1/conversations/{id}/messages"),
        ] {
            if !path.contains("..") {
                anna.get(&path).await.problem(404, "not_found");
            }
        }
    }
}

#[tokio::test]
async fn text_that_cannot_be_stored_is_invalid() {
    let app = TestApp::start().await;
    let (anna, path) = anna_with_a_conversation(&app).await;
    let long = json!({"text": "ä".repeat(16_385)}).to_string();
    let metadata = json!({"text": "x", "metadata": {"x": "y".repeat(4_096)}}).to_string();
    for body in
        [r#"{"text":"a\u0000b"}"#, r#"{"text":"a\ud800b"}"#, r#"{"text":"\udc00"}"#, r#"{"text":""}"#, &long, &metadata]
    {
        let answer = send_raw(&anna, &path, "application/json", body.to_owned()).await;
        assert_eq!(answer.status, 422, "{}: {}", &body[..body.len().min(40)], answer.text());
        answer.problem(422, "invalid");
    }
    send_raw(&anna, &path, "text/plain", "a\0b").await.problem(422, "invalid");
    for title in ["a\0b".to_owned(), "x".repeat(100_000)] {
        let answer = anna.post("/v1/conversations", json!({"kind": "group", "title": title, "members": []})).await;
        answer.problem(422, "invalid");
    }
    assert_eq!(anna.get(&path).await.expect(200)["items"], json!([]));
    anna.post(&path, json!({"text": "😀".repeat(16_384)})).await.expect(201);
}

#[tokio::test]
async fn error_names_the_element_of_a_list() {
    let app = TestApp::start().await;
    let [anna, _bert] = app.guests(["anna", "bert"]).await;
    let answer = anna.post("/v1/messages", json!({"to": ["bert", "nobody"], "text": "hi"})).await;
    assert_eq!(answer.problem(422, "invalid")["errors"][0]["field"], "to[1]");
}

#[tokio::test]
async fn form_typed_and_plain_bodies_are_the_text_of_a_message() {
    let app = TestApp::start().await;
    let (anna, path) = anna_with_a_conversation(&app).await;
    let texts = ["hi", "a=b&c=%20+d", r#"{"text":"x"}"#, "  two lines\r\n and a tab\t\n", "ümläut\u{2028}"];
    for media_type in ["application/x-www-form-urlencoded", "text/plain", "text/plain; charset=utf-8"] {
        for text in texts {
            let message = send_raw(&anna, &path, media_type, text).await.expect(201);
            assert_eq!(message["text"], text, "{media_type}");
        }
    }
    send_raw(&anna, &path, "text/plain", vec![0xff]).await.problem(400, "malformed");
}

#[tokio::test]
async fn form_typed_bodies_are_json_elsewhere() {
    let app = TestApp::start().await;
    let [anna, _bert] = app.guests(["anna", "bert"]).await;
    let form = "application/x-www-form-urlencoded";
    let message = send_raw(&anna, "/v1/messages", form, r#"{"to":["bert"],"text":"hi"}"#).await.expect(201);
    assert_eq!(message["text"], "hi");
    send_raw(&anna, "/v1/messages", form, "hi").await.problem(400, "malformed");
}

#[tokio::test]
async fn request_ids_are_on_every_response_and_differ() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let mut ids: Vec<Value> = Vec::new();
    for path in ["/healthz", "/readyz", "/v1/me", "/v1/nothing", "/v1/updates?wait=0", "/openapi.json"] {
        let answer = anna.get(path).await;
        ids.push(json!(answer.header("x-request-id").unwrap_or_else(|| panic!("no id on {path}"))));
    }
    let count = ids.len();
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!(ids.len(), count);
}
