//! Taking the connection of a stream or a waiting poll from hyper, which keeps two buffers and a deep future for each
//! response that is open.
//!
//! The request goes through all middlewares as ever. A handler whose response is not there yet answers with a [`Handover`]
//! in place of a body; the connection then leaves hyper, with the head that the middlewares have made, for delivery. A long
//! poll's connection comes back with its response ([`respond_and_serve`](super::serve::respond_and_serve)).

use super::context::ConnectionContext;
use super::response_head::ResponseHead;
use axum::extract::FromRequestParts;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use hyper::http::request::Parts;
use hyper::{Method, Request, Version};
use std::convert::Infallible;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

/// In a request: its connection may be taken from hyper.
#[derive(Clone, Copy, Debug)]
pub struct HandoverPermit;

impl HandoverPermit {
    /// Gives a permit if nothing of the request is left to read and its client knows chunks. Bytes that are left unread
    /// would be served as the next request.
    pub fn of<B: Body>(request: &Request<B>) -> Option<Self> {
        let plain = request.method() == Method::GET && request.version() == Version::HTTP_11;
        let headers = request.headers();
        let bodiless = request.body().is_end_stream()
            && ![CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE].iter().any(|name| headers.contains_key(name));
        (plain && bodiless).then_some(Self)
    }
}

/// The permit of a request, for handlers.
pub struct MayHandOver(pub Option<HandoverPermit>);

impl<S: Sync> FromRequestParts<S> for MayHandOver {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get().copied()))
    }
}

/// In a response: the receiver of the connection, in place of a body.
#[derive(Clone)]
pub struct Handover(Arc<Mutex<Option<ConnectionReceiver>>>);

type ConnectionReceiver = Box<dyn FnOnce(TakenConnection) + Send>;

/// A connection that was taken from hyper before the head of the response was written.
pub struct TakenConnection {
    pub head: ResponseHead,
    pub socket: TcpStream,
    /// What has arrived after the request.
    pub early: Bytes,
    pub context: ConnectionContext,
}

impl Handover {
    /// Makes the response to a request whose connection `receiver` takes.
    pub fn response(_: HandoverPermit, receiver: impl FnOnce(TakenConnection) + Send + 'static) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(Self(Arc::new(Mutex::new(Some(Box::new(receiver))))));
        response
    }

    /// Hands the connection over.
    pub fn complete(self, connection: TakenConnection) {
        let receiver = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(receiver) = receiver {
            receiver(connection);
        }
    }
}
