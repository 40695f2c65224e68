//! Which responses are compressed, and how.

use super::response_body::{ResponseBody, RouterBody};
use axum::extract::Request;
use hyper::Response;
use hyper::body::Body;
use hyper::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tower::{Layer, Service};
use tower_http::compression::predicate::Predicate;
use tower_http::compression::{Compression, CompressionLayer, CompressionLevel, ResponseFuture};

/// A response of at most so many bytes fits into one packet as it is.
const COMPRESS_ABOVE_BYTES: u64 = 1024;

/// Chooses successful JSON responses whose size is known and above 1 KiB. That leaves out streams, lines of JSON,
/// attachments, and every response that was handed over, which has no body here.
#[derive(Clone, Copy)]
pub struct LargeJson;

impl Predicate for LargeJson {
    fn should_compress<B: Body>(&self, response: &Response<B>) -> bool {
        let headers = response.headers();
        let has = |name, wanted: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(wanted))
        };
        // The header wins over the body: a response to HEAD has no body, but the headers of GET.
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let length = length.or_else(|| response.body().size_hint().exact());
        response.status().is_success()
            && length.is_some_and(|length| length > COMPRESS_ABOVE_BYTES)
            && headers.get(CONTENT_TYPE).is_some_and(|media| media == "application/json")
            && !has(CACHE_CONTROL, "no-transform")
            // Files are sent byte for byte, and a strong ETag names these bytes.
            && ![CONTENT_DISPOSITION, ETAG].iter().any(|name| headers.contains_key(name))
    }
}

/// Puts [`CompressLargeJson`] around a service.
#[derive(Clone, Copy)]
pub struct CompressLargeJsonLayer;

impl<S> Layer<S> for CompressLargeJsonLayer {
    type Service = CompressLargeJson<S>;

    fn layer(&self, inner: S) -> CompressLargeJson<S> {
        // The fastest level halves JSON already; the others keep more memory a response.
        let layer = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(LargeJson);
        CompressLargeJson { inner: layer.layer(inner) }
    }
}

/// tower-http's compression, whose body is as large as its largest encoder, with a small one.
#[derive(Clone)]
pub struct CompressLargeJson<S> {
    inner: Compression<S, LargeJson>,
}

impl<S: Service<Request, Response = Response<RouterBody>>> Service<Request> for CompressLargeJson<S> {
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = SmallBody<ResponseFuture<S::Future, LargeJson>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        SmallBody { inner: self.inner.call(request) }
    }
}

pin_project! {
    /// The response of [`CompressLargeJson`].
    pub struct SmallBody<F> {
        #[pin]
        inner: F,
    }
}

impl<F, E> Future for SmallBody<ResponseFuture<F, LargeJson>>
where
    F: Future<Output = Result<Response<RouterBody>, E>>,
{
    type Output = Result<Response<ResponseBody>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.project().inner.poll(context))?;
        let is_compressed = response.headers().contains_key(CONTENT_ENCODING);
        Poll::Ready(Ok(response.map(|body| ResponseBody::of_compression(body, is_compressed))))
    }
}
