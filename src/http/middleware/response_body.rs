//! The body of a response.

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tower::BoxError;
use tower_http::body::UnsyncBoxBody;
use tower_http::compression::CompressionBody;

/// The router's body, as it leaves the layer that catches panics.
pub type RouterBody = UnsyncBoxBody<Bytes, BoxError>;

/// A body of three words, whatever it holds: responses are moved from layer to layer, and hyper keeps room for one in each
/// connection. A type of its own, because the future of a connection whose body names `dyn Error` cannot be spawned
/// (rust-lang/rust#102211).
pub struct ResponseBody(BodyKind);

enum BodyKind {
    Router(RouterBody),
    /// Boxed: the encoders have kilobytes of state.
    Compressed(Pin<Box<CompressionBody<RouterBody>>>),
    /// Of a refusal.
    Document(Body),
}

impl ResponseBody {
    /// Takes what the compression layer made: `is_compressed` or not.
    pub fn of_compression(body: CompressionBody<RouterBody>, is_compressed: bool) -> Self {
        Self(if is_compressed { BodyKind::Compressed(Box::pin(body)) } else { BodyKind::Router(body.into_inner()) })
    }

    /// Takes the document of a refusal.
    pub fn of_document(body: Body) -> Self {
        Self(BodyKind::Document(body))
    }
}

impl Default for ResponseBody {
    fn default() -> Self {
        Self(BodyKind::Router(RouterBody::default()))
    }
}

impl hyper::body::Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.0 {
            BodyKind::Router(body) => Pin::new(body).poll_frame(context).map_err(axum::Error::new),
            BodyKind::Compressed(body) => body.as_mut().poll_frame(context).map_err(axum::Error::new),
            BodyKind::Document(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            BodyKind::Router(body) => body.is_end_stream(),
            BodyKind::Compressed(body) => body.is_end_stream(),
            BodyKind::Document(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            BodyKind::Router(body) => body.size_hint(),
            BodyKind::Compressed(body) => body.size_hint(),
            BodyKind::Document(body) => body.size_hint(),
        }
    }
}
