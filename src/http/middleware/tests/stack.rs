//! The layers around a router of their own, without a server.

use super::*;
use axum::body::Body;
use axum::routing::get;
use http_body_util::BodyExt;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, VARY};
use hyper::{Method, StatusCode};

/// A JSON body of so many bytes.
fn json_of(bytes: usize) -> Response {
    let body = format!("\"{}\"", "a".repeat(bytes - 2));
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

fn with_header(mut response: Response, name: HeaderName, value: &'static str) -> Response {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

fn service() -> HttpService {
    let lines = || async { ([(CONTENT_TYPE, "application/x-ndjson")], "{}\n".repeat(1_000)) };
    let router = Router::new()
        .route("/small", get(|| async { json_of(1_024) }))
        .route("/v1/large", get(|| async { json_of(1_025) }))
        .route("/tagged", get(|| async { with_header(json_of(4_000), ETAG, "\"a\"") }))
        .route("/fixed", get(|| async { with_header(json_of(4_000), CACHE_CONTROL, "no-transform") }))
        .route("/encoded", get(|| async { with_header(json_of(4_000), CONTENT_ENCODING, "br") }))
        .route("/lines", get(lines))
        .route("/panic", get(|| async { panicking() }))
        .route("/slow", get(std::future::pending::<()>));
    stack(router, &AllowedOrigins::Loopback)
}

fn panicking() -> StatusCode {
    let text: Option<&str> = std::hint::black_box(None);
    text.expect("a handler that panics on purpose");
    StatusCode::OK
}

async fn ask(method: Method, path: &str, headers: &[(HeaderName, &str)]) -> Response<ResponseBody> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    respond(service(), request.body(Body::empty()).unwrap()).await
}

async fn get_encoded(path: &str, accepted: &str) -> Response<ResponseBody> {
    ask(Method::GET, path, &[(ACCEPT_ENCODING, accepted)]).await
}

fn header(response: &Response<ResponseBody>, name: HeaderName) -> Option<&str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

#[tokio::test]
async fn json_above_1_kib_is_compressed_as_the_client_prefers() {
    for (accepted, encoding) in [
        ("gzip", Some("gzip")),
        ("br", Some("br")),
        ("zstd", Some("zstd")),
        ("gzip, deflate, br, zstd", Some("zstd")),
        ("gzip;q=1, zstd;q=0.5", Some("gzip")),
        ("deflate", None),
        ("identity", None),
        ("*;q=0", None),
    ] {
        let response = get_encoded("/v1/large", accepted).await;
        assert_eq!(response.status(), StatusCode::OK, "{accepted}");
        assert_eq!(header(&response, CONTENT_ENCODING), encoding, "{accepted}");
        assert_eq!(header(&response, VARY), Some("accept-encoding"), "{accepted}");
        assert_eq!(header(&response, CONTENT_LENGTH), encoding.map_or(Some("1025"), |_| None), "{accepted}");
        let length = response.into_body().collect().await.unwrap().to_bytes().len();
        assert!(if encoding.is_some() { length < 200 } else { length == 1_025 }, "{accepted}: {length}");
    }
}

#[tokio::test]
async fn head_has_the_headers_that_get_would_have() {
    let get = get_encoded("/v1/large", "gzip").await;
    let head = ask(Method::HEAD, "/v1/large", &[(ACCEPT_ENCODING, "gzip")]).await;
    for name in [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY, CACHE_CONTROL] {
        assert_eq!(header(&get, name.clone()), header(&head, name.clone()), "{name}");
    }
}

#[tokio::test]
async fn small_tagged_fixed_encoded_and_streamed_responses_stay_as_they_are() {
    for (path, encoding, length) in [
        ("/small", None, "1024"),
        ("/tagged", None, "4000"),
        ("/fixed", None, "4000"),
        ("/encoded", Some("br"), "4000"),
        ("/lines", None, "3000"),
    ] {
        let response = get_encoded(path, "gzip, br, zstd").await;
        assert_eq!(header(&response, CONTENT_ENCODING), encoding, "{path}");
        assert_eq!(header(&response, CONTENT_LENGTH), Some(length), "{path}");
        assert_eq!(header(&response, VARY), None, "{path}");
    }
}

#[tokio::test]
async fn panic_of_a_handler_answers_a_problem_that_names_the_request() {
    let response = ask(Method::GET, "/panic", &[]).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(header(&response, CONTENT_TYPE), Some("application/problem+json"));
    let id = header(&response, X_REQUEST_ID).unwrap().to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.contains(&id) && text.contains("\"code\":\"internal\"") && !text.contains("on purpose"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn request_that_takes_too_long_answers_unavailable() {
    let response = ask(Method::GET, "/slow", &[]).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&response, hyper::header::RETRY_AFTER), Some("2"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.contains("\"code\":\"unavailable\"") && text.contains("the database does not answer"), "{text}");
}

#[tokio::test]
async fn request_id_of_the_client_is_not_taken() {
    let response = ask(Method::GET, "/small", &[(X_REQUEST_ID, "mine")]).await;
    assert!(uuid::Uuid::parse_str(header(&response, X_REQUEST_ID).unwrap()).is_ok());
}

#[tokio::test]
async fn common_headers_stand_on_every_response_and_no_store_on_those_of_the_api() {
    for (path, cached) in [("/small", None), ("/v1/large", Some("no-store")), ("/v1/nothing", Some("no-store"))] {
        let response = ask(Method::GET, path, &[]).await;
        for (name, value) in COMMON_HEADERS {
            assert_eq!(response.headers().get(&name), Some(&value), "{path}: {name}");
        }
        assert_eq!(header(&response, CACHE_CONTROL), cached, "{path}");
    }
}
