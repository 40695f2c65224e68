//! What wraps every request, outermost first: the request's id, problem documents, safety headers; rate headers; size of
//! the headers; time and panics.

use super::attachments;
use super::problem::{Code, Problem};
use super::rates::Rate;
use crate::ids::RequestId;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, StatusCode};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tower::ServiceExt;
use tracing::Instrument;

/// Most bytes of a request's headers and its URL.
const HEADERS_BYTES: usize = 64 * 1024;
/// How long a request may take, a body of the largest size on the slowest line included.
const TIME: Duration = Duration::from_secs(90);
const POLL_TIME: Duration = Duration::from_secs(75);
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every answer of a node has, whatever it answers.
pub(super) const COMMON: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'none'")),
];

/// Answers a request by the router. These are functions and not layers of it, because each layer costs every request two
/// boxes and a deeper future.
pub async fn answer(router: Router, request: Request) -> Response {
    identify(request, |request| {
        tell_rates(request, |request| limit_headers(request, |request| caught(router, request)))
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
    for (name, value) in COMMON {
        // Files have a policy of their own, which is stricter.
        headers.entry(name).or_insert(value);
    }
    if private && !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// The document of a refusal: ours as it is meant, a library's by its status.
pub(super) fn documented(mut response: Response, id: &str) -> Response {
    let status = response.status();
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return merged(problem.into_document(id), response.headers());
    }
    let refused = status.is_client_error() || status.is_server_error();
    let told = response.headers().get(CONTENT_TYPE).is_some_and(|media| media == "application/problem+json");
    if !refused || told {
        return response;
    }
    let detail = match Code::of_status(status) {
        Code::NotFound => "there is no such path, see /docs for those there are",
        Code::MethodNotAllowed => "this path does not take this method, see the Allow header",
        Code::Internal => "this is a fault of the server, its log has the cause under this request's id",
        _ => "the request cannot be read",
    };
    merged(Problem::new(Code::of_status(status), detail).into_document(id), response.headers())
}

/// Keeps what the refusal's headers tell, but for those of its body.
fn merged(mut document: Response, headers: &HeaderMap) -> Response {
    for (name, value) in headers {
        if name != CONTENT_TYPE && name != hyper::header::CONTENT_LENGTH {
            document.headers_mut().insert(name, value.clone());
        }
    }
    document
}

/// Where a handler leaves what the rate headers tell.
#[derive(Clone, Default)]
pub struct RateSlot(Arc<OnceLock<Rate>>);

impl RateSlot {
    /// Leaves it; the first one counts.
    pub fn set(&self, rate: Rate) {
        let _ = self.0.set(rate);
    }
}

async fn tell_rates<F: Future<Output = Response>>(mut request: Request, next: impl FnOnce(Request) -> F) -> Response {
    let slot = RateSlot::default();
    request.extensions_mut().insert(slot.clone());
    let mut response = next(request).await;
    if let Some(rate) = slot.0.get() {
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
    if bytes > HEADERS_BYTES {
        let detail = format!("URL and headers have {bytes} bytes, at most {HEADERS_BYTES} are taken");
        return Problem::new(Code::HeadersTooLarge, detail).into_response();
    }
    next(request).await
}

/// Answers for a handler that panics, or waits for a database that says nothing. Streams have answered by then; long
/// polls have a minute, and the reading before it.
async fn caught(router: Router, request: Request) -> Response {
    let limit = match request.uri().path() {
        "/v1/updates" => POLL_TIME,
        "/v1/attachments" => attachments::TIME,
        _ => TIME,
    };
    let answering = AssertUnwindSafe(router.oneshot(request)).catch_unwind();
    match tokio::time::timeout(limit, answering).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Err(panic)) => {
            let cause = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(cause, "a handler panicked");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => Problem::new(Code::Unavailable, "the database does not answer, try again").into_response(),
    }
}
