//! Everything that wraps a request, outermost first.

use super::bounded_router::BoundedRouter;
use super::browser_cors::{BrowserCors, BrowserCorsLayer};
use super::compression::{CompressLargeJson, CompressLargeJsonLayer};
use super::request_span::{RequestSpan, RequestSpanLayer};
use super::response_body::ResponseBody;
use crate::config::AllowedOrigins;
use crate::http::limits::rate_limits::{RateLimitSlot, RateLimitStatus};
use crate::http::respond::common_headers::{COMMON_HEADERS, X_REQUEST_ID};
use crate::http::respond::problem::Problem;
use crate::http::respond::problem_code::ProblemCode;
use crate::http::respond::problem_document::refusal_document;
use crate::ids;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, HeaderValue};
use std::any::Any;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::catch_panic::{CatchPanic, CatchPanicLayer, ResponseForPanic};
use tower_http::request_id::{
    MakeRequestId, PropagateRequestId, PropagateRequestIdLayer, RequestId, SetRequestId, SetRequestIdLayer,
};
use tower_http::sensitive_headers::{SetSensitiveRequestHeaders, SetSensitiveRequestHeadersLayer};
use tower_http::set_header::{SetResponseHeader, SetResponseHeaderLayer};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The router with all layers. One concrete type, so that no layer costs a box.
pub type HttpService =
    SetSensitiveRequestHeaders<SetRequestId<PropagateRequestId<RequestSpan<BrowserCors<CommonHeaders>>>, MakeUuidV7>>;

type CommonHeaders = WithHeader<WithHeader<WithHeader<CompressLargeJson<PanicSafeRouter>>>>;
type WithHeader<S> = SetResponseHeader<S, HeaderValue>;
type PanicSafeRouter = CatchPanic<BoundedRouter, PanicHandler>;

/// Puts the layers around the router.
pub fn stack(router: Router, allowed_origins: &AllowedOrigins) -> HttpService {
    let [content_type_options, referrer_policy, frame_policy] =
        COMMON_HEADERS.map(|(name, value)| SetResponseHeaderLayer::if_not_present(name, value));
    ServiceBuilder::new()
        // Tokens do not show where a request's headers are logged.
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
        // The request gets its id, which the response then has, too.
        .layer(SetRequestIdLayer::new(X_REQUEST_ID, MakeUuidV7))
        .layer(PropagateRequestIdLayer::new(X_REQUEST_ID))
        // Log lines from here on name the request.
        .layer(RequestSpanLayer)
        // Pages of allowed origins may read responses; preflights are answered here.
        .layer(BrowserCorsLayer::new(allowed_origins))
        // Browsers do not do more with a response than show it; files have a stricter policy of their own.
        .layer(content_type_options)
        .layer(referrer_policy)
        .layer(frame_policy)
        // JSON above 1 KiB is compressed.
        .layer(CompressLargeJsonLayer)
        // A handler that panics is answered 500.
        .layer(CatchPanicLayer::custom(PanicHandler))
        // Heads that are too large are refused, and every request has its time.
        .service(BoundedRouter::new(router))
}

/// Answers a request. tower-http has no layer for what is done here around the others: rate limit headers, the documents of
/// refusals, and `no-store`.
pub async fn respond(service: HttpService, mut request: Request) -> Response<ResponseBody> {
    // The layer would keep an id that the client sent.
    request.headers_mut().remove(X_REQUEST_ID);
    // Responses to requests without a token are private, too: some hold tokens.
    let private = request.uri().path().starts_with("/v1/");
    let slot = RateLimitSlot::default();
    request.extensions_mut().insert(slot.clone());
    let Ok(response) = service.oneshot(request).await;
    let mut response = documented(response);
    let headers = response.headers_mut();
    if let Some(rate) = slot.get() {
        add_rate_limit_headers(headers, rate);
    }
    if private && !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Puts the document of a refusal in the place of its body.
fn documented(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    let id = response.headers().get(X_REQUEST_ID).cloned();
    let id = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
    match refusal_document(&mut response, id) {
        Some(document) => document.map(ResponseBody::of_document),
        None => response,
    }
}

fn add_rate_limit_headers(headers: &mut HeaderMap, rate: &RateLimitStatus) {
    let limit = format!("\"{}\";r={};t={}", rate.policy, rate.remaining, rate.wait);
    let policy = format!("\"{}\";q={};w={}", rate.policy, rate.quota, rate.window);
    for (name, value) in [(RATELIMIT, limit), (RATELIMIT_POLICY, policy)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

/// Makes request ids that sort by time.
#[derive(Clone, Copy)]
pub struct MakeUuidV7;

impl MakeRequestId for MakeUuidV7 {
    fn make_request_id<B>(&mut self, _: &hyper::Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&ids::RequestId::new().to_string()).ok().map(RequestId::new)
    }
}

/// Logs a panic, and answers for the handler.
#[derive(Clone, Copy)]
pub struct PanicHandler;

impl ResponseForPanic for PanicHandler {
    type ResponseBody = axum::body::Body;

    fn response_for_panic(&mut self, panic: Box<dyn Any + Send>) -> Response {
        let cause = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        tracing::error!(cause, "a handler panicked");
        let detail = "this is a fault of the server, its log has the cause under this request's id";
        Problem::new(ProblemCode::Internal, detail).into_response()
    }
}

#[cfg(test)]
#[path = "tests/stack.rs"]
mod tests;
