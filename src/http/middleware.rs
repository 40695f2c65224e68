//! What wraps every request, outermost first: the request's id, problem documents, safety headers; rate headers; size of
//! the headers; time and panics.

use super::limits::rate_limits::RateLimitSlot;
use super::limits::request_time::request_timeout;
use super::respond::common_headers::{COMMON_HEADERS, X_REQUEST_ID};
use super::respond::problem::Problem;
use super::respond::problem_code::ProblemCode;
use super::respond::problem_document::documented;
use crate::ids::RequestId;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use tower::ServiceExt;
use tracing::Instrument;

/// Most bytes of a request's headers and its URL.
const MAX_HEADERS_BYTES: usize = 64 * 1024;

/// Answers a request by the router. These are functions and not layers of the router, because each layer costs every
/// request two boxes and a deeper future.
pub async fn answer(router: Router, request: Request) -> Response {
    identify(request, |request| {
        add_rate_limit_headers(request, |request| limit_headers(request, |request| caught(router, request)))
    })
    .await
}

/// Gives the request its id, and turns every refusal into a document that names it.
async fn identify<F: Future<Output = Response>>(request: Request, next: impl FnOnce(Request) -> F) -> Response {
    let id = RequestId::new().to_string();
    // Also what is answered without a token is somebody's own: tokens, for one.
    let private = request.uri().path().starts_with("/v1/");
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let response = next(request).instrument(span).await;
    let mut response = documented(response, &id);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(X_REQUEST_ID, id);
    }
    for (name, value) in COMMON_HEADERS {
        // Files have a policy of their own, which is stricter.
        headers.entry(name).or_insert(value);
    }
    if private && !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

async fn add_rate_limit_headers<F: Future<Output = Response>>(
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let slot = RateLimitSlot::default();
    request.extensions_mut().insert(slot.clone());
    let mut response = next(request).await;
    if let Some(rate) = slot.get() {
        let limit = format!("\"{}\";r={};t={}", rate.policy, rate.remaining, rate.wait);
        let policy = format!("\"{}\";q={};w={}", rate.policy, rate.quota, rate.window);
        for (name, value) in [("ratelimit", limit), ("ratelimit-policy", policy)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
    }
    response
}

async fn limit_headers<F: Future<Output = Response>>(request: Request, next: impl FnOnce(Request) -> F) -> Response {
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let bytes = fields.sum::<usize>() + request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if bytes > MAX_HEADERS_BYTES {
        let detail = format!("URL and headers have {bytes} bytes, at most {MAX_HEADERS_BYTES} are taken");
        return Problem::new(ProblemCode::HeadersTooLarge, detail).into_response();
    }
    next(request).await
}

/// Answers for a handler that panics, or waits for a database that says nothing. Streams have answered by then; long
/// polls have a minute, and the reading before it.
async fn caught(router: Router, request: Request) -> Response {
    let limit = request_timeout(request.uri().path());
    let answering = AssertUnwindSafe(router.oneshot(request)).catch_unwind();
    match tokio::time::timeout(limit, answering).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Err(panic)) => {
            let cause = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(cause, "a handler panicked");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => Problem::new(ProblemCode::Unavailable, "the database does not answer, try again").into_response(),
    }
}
