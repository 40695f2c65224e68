//! Taking the connection of a stream or a waiting poll from hyper, which keeps two buffers and a deep future for each
//! answer that is open.
//!
//! The request goes through all middlewares as ever. A handler that has nothing to say yet answers with [`Parked`] in
//! place of a body; the connection then leaves hyper, with the head that the middlewares have made, for the hub. A long
//! poll's connection comes back with its answer ([`Line::answer`]).

use super::middleware::{COMMON, X_REQUEST_ID, documented};
use super::server::Line;
use axum::extract::FromRequestParts;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, StatusCode, Version};
use std::convert::Infallible;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

/// In a request: its connection may be taken from hyper.
#[derive(Clone, Copy, Debug)]
pub struct Parkable;

impl Parkable {
    /// Whether nothing of a request is left to read, and its client knows chunks. What is left unread would be served as
    /// the next request.
    pub fn of<B: Body>(request: &Request<B>) -> Option<Self> {
        let plain = request.method() == Method::GET && request.version() == Version::HTTP_11;
        let headers = request.headers();
        let bodiless = request.body().is_end_stream()
            && ![CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE].iter().any(|name| headers.contains_key(name));
        (plain && bodiless).then_some(Self)
    }
}

/// What a handler is told: whether it may park.
pub struct MayPark(pub Option<Parkable>);

impl<S: Sync> FromRequestParts<S> for MayPark {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get().copied()))
    }
}

/// In a response: who takes the connection, in place of a body.
#[derive(Clone)]
pub struct Parked(Arc<Mutex<Option<Take>>>);

type Take = Box<dyn FnOnce(Handed) + Send>;

/// A connection that was taken from hyper, with the answer's head not written yet.
pub struct Handed {
    pub head: Head,
    pub socket: TcpStream,
    /// What has arrived behind the request.
    pub early: Bytes,
    pub line: Line,
}

impl Parked {
    /// Makes the answer to a request that `take` goes on with.
    pub fn response(_: Parkable, take: impl FnOnce(Handed) + Send + 'static) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(Self(Arc::new(Mutex::new(Some(Box::new(take))))));
        response
    }

    /// Hands the connection over.
    pub fn take(self, handed: Handed) {
        let take = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(take) = take {
            take(handed);
        }
    }
}

/// The head of an answer.
pub struct Head(HeaderMap);

impl Head {
    /// The head that the middlewares have made.
    pub fn new(headers: HeaderMap) -> Self {
        Self(headers)
    }

    /// The head of a stream: its body comes in chunks, and ends with the connection.
    pub fn of_stream(&self) -> Bytes {
        let mut text = status_line(StatusCode::OK);
        put_all(&mut text, &self.0);
        put(&mut text, &TRANSFER_ENCODING, b"chunked");
        put(&mut text, &CONNECTION, b"close");
        finish(&mut text);
        text.into()
    }

    /// What must be kept while a poll waits: as few bytes as it takes.
    pub fn kept(mut self) -> Kept {
        let id = self.0.remove(X_REQUEST_ID).and_then(|id| Some(id.to_str().ok()?.into())).unwrap_or_default();
        for name in COMMON.iter().map(|(name, _)| name).chain([&CONTENT_TYPE]) {
            self.0.remove(name);
        }
        let mut text = Vec::new();
        put_all(&mut text, &self.0);
        Kept { id, lines: text.into() }
    }
}

/// The head of an answer whose status and type are not known yet, without what every head has.
pub struct Kept {
    id: Box<str>,
    lines: Box<[u8]>,
}

impl Kept {
    /// The whole answer.
    pub async fn with(self, response: Response, close: bool) -> Vec<u8> {
        let (parts, body) = documented(response, &self.id).into_parts();
        // It is in memory as a whole.
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let mut text = status_line(parts.status);
        put(&mut text, &X_REQUEST_ID, self.id.as_bytes());
        COMMON.iter().for_each(|(name, value)| put(&mut text, name, value.as_bytes()));
        text.extend_from_slice(&self.lines);
        put_all(&mut text, &parts.headers);
        put(&mut text, &CONTENT_LENGTH, body.len().to_string().as_bytes());
        if close {
            put(&mut text, &CONNECTION, b"close");
        }
        finish(&mut text);
        text.extend_from_slice(&body);
        text
    }
}

/// Whether the client wants the connection to end with the answer.
pub fn wants_close(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}

fn status_line(status: StatusCode) -> Vec<u8> {
    format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default()).into_bytes()
}

/// Writes all headers but those of the framing, which is ours.
fn put_all(text: &mut Vec<u8>, headers: &HeaderMap<HeaderValue>) {
    let ours = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, DATE];
    headers.iter().filter(|(name, _)| !ours.contains(name)).for_each(|(name, value)| put(text, name, value.as_bytes()));
}

fn put(text: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
        text.extend_from_slice(part);
    }
}

fn finish(text: &mut Vec<u8>) {
    put(text, &DATE, chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string().as_bytes());
    text.extend_from_slice(b"\r\n");
}
