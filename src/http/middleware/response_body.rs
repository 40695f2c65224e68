//! The body of a response.

use axum::body::Body;
use bytes::Bytes;
use http_body_util::Either;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tower::BoxError;
use tower_http::body::UnsyncBoxBody;
use tower_http::compression::CompressionBody;

/// The body that the layers make of the router's.
pub type LayeredBody = CompressionBody<UnsyncBoxBody<Bytes, BoxError>>;

/// A body from the layers, or the document of a refusal. A type of its own, because the future of a connection whose body
/// names `dyn Error` cannot be spawned (rust-lang/rust#102211).
pub struct ResponseBody(Either<LayeredBody, Body>);

impl ResponseBody {
    pub fn layered(body: LayeredBody) -> Self {
        Self(Either::Left(body))
    }

    pub fn document(body: Body) -> Self {
        Self(Either::Right(body))
    }
}

impl hyper::body::Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.0).poll_frame(context);
        frame.map(|frame| frame.map(|frame| frame.map_err(axum::Error::new)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
