//! The span of a request: its log lines name its id, method and path. Not its query, where tickets stand.

use crate::http::respond::common_headers::X_REQUEST_ID;
use axum::extract::Request;
use std::task::{Context, Poll};
use tower::{Layer, Service};
use tracing::Instrument;
use tracing::instrument::Instrumented;

/// Puts a [`RequestSpan`] around a service.
#[derive(Clone, Copy)]
pub struct RequestSpanLayer;

impl<S> Layer<S> for RequestSpanLayer {
    type Service = RequestSpan<S>;

    fn layer(&self, inner: S) -> RequestSpan<S> {
        RequestSpan { inner }
    }
}

/// Runs a service in the span of the request. tower-http's `TraceLayer` would keep the span in the body as well.
#[derive(Clone)]
pub struct RequestSpan<S> {
    inner: S,
}

impl<S: Service<Request>> Service<Request> for RequestSpan<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let id = request.headers().get(X_REQUEST_ID).and_then(|id| id.to_str().ok());
        let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
        let future = span.in_scope(|| self.inner.call(request));
        future.instrument(span)
    }
}
