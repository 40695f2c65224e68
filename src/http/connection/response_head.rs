//! Heads of responses that are written without hyper.

use crate::http::respond::common_headers::{COMMON_HEADERS, X_REQUEST_ID};
use crate::http::respond::problem_document::refusal_document;
use crate::ids::RequestId;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::{HeaderMap, StatusCode};

/// The head of a response that was handed over, as the middlewares have made it.
pub struct ResponseHead(HeaderMap);

impl ResponseHead {
    /// Takes the headers that the middlewares have made.
    pub fn new(headers: HeaderMap) -> Self {
        Self(headers)
    }

    /// The bytes of the head of a stream: its body comes in chunks, and ends with the connection.
    pub fn stream_bytes(&self) -> Bytes {
        let mut text = status_line(StatusCode::OK);
        put_all(&mut text, &self.0);
        put(&mut text, &TRANSFER_ENCODING, b"chunked");
        put(&mut text, &CONNECTION, b"close");
        finish(&mut text);
        text.into()
    }

    /// The part that must be kept while a poll waits, in as few bytes as possible.
    pub fn deferred(mut self) -> DeferredHead {
        let id = self.0.remove(X_REQUEST_ID).and_then(|id| Some(id.to_str().ok()?.into())).unwrap_or_default();
        for name in COMMON_HEADERS.iter().map(|(name, _)| name).chain([&CONTENT_TYPE]) {
            self.0.remove(name);
        }
        let mut text = Vec::new();
        put_all(&mut text, &self.0);
        DeferredHead { request_id: id, lines: text.into() }
    }
}

/// The head of a response whose status and type are not known yet, without what every head has.
pub struct DeferredHead {
    request_id: Box<str>,
    lines: Box<[u8]>,
}

impl DeferredHead {
    /// The head of a response to a request that was not read.
    pub fn new() -> Self {
        Self { request_id: RequestId::new().to_string().into(), lines: Box::default() }
    }

    /// The bytes of the whole response; `close` ends the connection after it.
    pub async fn into_bytes(self, mut response: Response, close: bool) -> Vec<u8> {
        let document = refusal_document(&mut response, &self.request_id);
        let (parts, body) = document.unwrap_or(response).into_parts();
        // The body is in memory as a whole.
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let mut text = status_line(parts.status);
        put(&mut text, &X_REQUEST_ID, self.request_id.as_bytes());
        COMMON_HEADERS.iter().for_each(|(name, value)| put(&mut text, name, value.as_bytes()));
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

fn status_line(status: StatusCode) -> Vec<u8> {
    format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default()).into_bytes()
}

/// Writes all headers but those of the framing, which the caller adds.
fn put_all(text: &mut Vec<u8>, headers: &HeaderMap<HeaderValue>) {
    let framing = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, DATE];
    headers
        .iter()
        .filter(|(name, _)| !framing.contains(name))
        .for_each(|(name, value)| put(text, name, value.as_bytes()));
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
