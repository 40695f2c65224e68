//! Which web pages may call this server (the CORS protocol of the Fetch standard).

use crate::config::AllowedOrigins;
use axum::extract::Request;
use futures_util::future::Either;
use hyper::Method;
use hyper::header::{
    ACCEPT, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION, ORIGIN, RANGE, RETRY_AFTER,
};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer, Service};
use tower_http::cors::{self, AllowOrigin, Any, CorsLayer};

/// How long a browser may keep the answer to a preflight; none keeps it longer.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);
const ALLOWED_METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// What a page may send.
const REQUEST_HEADERS: [HeaderName; 9] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    ACCEPT,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("prefer"),
    RANGE,
    IF_NONE_MATCH,
    CONTENT_DISPOSITION,
];
/// What a page may read.
const RESPONSE_HEADERS: [HeaderName; 10] = [
    HeaderName::from_static("x-request-id"),
    RETRY_AFTER,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("idempotency-replayed"),
    CONTENT_DISPOSITION,
    CONTENT_RANGE,
    ETAG,
    LOCATION,
    HeaderName::from_static("preference-applied"),
];

/// Puts [`BrowserCors`] around a service.
#[derive(Clone)]
pub struct BrowserCorsLayer {
    rules: Arc<CorsLayer>,
}

impl BrowserCorsLayer {
    /// Lets pages of these origins call the server. Never with credentials: tokens are sent by the page itself.
    pub fn new(origins: &AllowedOrigins) -> Self {
        let origins = match origins {
            AllowedOrigins::Any => Any.into(),
            AllowedOrigins::Loopback => AllowOrigin::predicate(|origin, _| is_loopback(origin)),
            AllowedOrigins::List(origins) => {
                AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
            }
        };
        let rules = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods(ALLOWED_METHODS)
            .allow_headers(REQUEST_HEADERS)
            .expose_headers(RESPONSE_HEADERS)
            .max_age(PREFLIGHT_MAX_AGE);
        Self { rules: Arc::new(rules) }
    }
}

impl<S> Layer<S> for BrowserCorsLayer {
    type Service = BrowserCors<S>;

    fn layer(&self, inner: S) -> BrowserCors<S> {
        BrowserCors { inner, rules: self.rules.clone() }
    }
}

/// Applies the rules to requests of web pages alone: others would get headers of no use to them, and a waiting poll would
/// keep them in memory.
#[derive(Clone)]
pub struct BrowserCors<S> {
    inner: S,
    rules: Arc<CorsLayer>,
}

impl<S, B> Service<Request> for BrowserCors<S>
where
    S: Service<Request, Response = hyper::Response<B>>,
    B: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<cors::ResponseFuture<S::Future>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let headers = request.headers();
        let preflight = headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        // tower-http answers every OPTIONS as a preflight; others are the router's.
        if headers.contains_key(ORIGIN) && (preflight || request.method() != Method::OPTIONS) {
            Either::Left(self.rules.layer(&mut self.inner).call(request))
        } else {
            Either::Right(self.inner.call(request))
        }
    }
}

/// Whether a page was loaded from this machine, whatever its port.
fn is_loopback(origin: &HeaderValue) -> bool {
    let Some((scheme, host)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else { return false };
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (host, ""),
    };
    let loopback = match host {
        "localhost" | "[::1]" => true,
        host => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
    };
    matches!(scheme, "http" | "https") && loopback && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
#[path = "tests/browser_cors.rs"]
mod tests;
