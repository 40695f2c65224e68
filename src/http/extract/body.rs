//! Reading request bodies: size first, then media type, then the bytes as they arrive.

use crate::http::limits::body_time::body_timeout;
use crate::http::respond::problem::Problem;
use crate::http::respond::problem_code::ProblemCode;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use std::time::Duration;
use tokio::time::Instant;

/// Most bytes of a body.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Most bytes of a body that lists members.
pub const MAX_LIST_BODY_BYTES: usize = 1024 * 1024;
/// How long the rest of a refused body is read.
const REFUSED_BODY_LINGER: Duration = Duration::from_secs(5);

/// The media type of a body, as its `Content-Type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyMediaType {
    Json,
    /// Bare `curl -d` says so, whatever it sends.
    Form,
    Text,
    None,
}

/// A whole body.
pub struct CompleteBody {
    pub media_type: BodyMediaType,
    pub bytes: Bytes,
}

impl CompleteBody {
    /// Reads a body of at most `max_bytes` bytes.
    ///
    /// # Errors
    /// 408, 413, 415.
    pub async fn read(request: Request, max_bytes: usize) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let mut reader = BodyReader::new(body);
        reader.check_length(&parts.headers, max_bytes)?;
        let media_type = media_type(&parts.headers)?;
        let mut bytes = BytesMut::new();
        while let Some(data) = reader.next(max_bytes).await? {
            bytes.extend_from_slice(&data);
        }
        Ok(Self { media_type, bytes: bytes.freeze() })
    }
}

/// A body as it arrives.
pub struct BodyReader {
    body: axum::body::Body,
    began: Instant,
    /// Bytes that have arrived.
    received: usize,
}

impl BodyReader {
    /// Begins to read a body.
    pub fn new(body: axum::body::Body) -> Self {
        Self { body, began: Instant::now(), received: 0 }
    }

    /// Checks the length that the client announces.
    ///
    /// # Errors
    /// 413.
    pub fn check_length(&self, headers: &HeaderMap, max_bytes: usize) -> Result<(), Problem> {
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > max_bytes as u64) { Err(too_large(max_bytes)) } else { Ok(()) }
    }

    /// Waits for the next bytes of a body that may have `max_bytes` in all; none: it has ended.
    ///
    /// # Errors
    /// 400, 408, 413.
    pub async fn next(&mut self, max_bytes: usize) -> Result<Option<Bytes>, Problem> {
        loop {
            let deadline = self.began + body_timeout(self.received);
            let frame = tokio::time::timeout_at(deadline, self.body.frame()).await;
            let frame = frame.map_err(|_| Problem::new(ProblemCode::RequestTimeout, "the body comes too slowly"))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|_| Problem::new(ProblemCode::Malformed, "the body broke off"))?;
            if let Ok(data) = frame.into_data() {
                self.received += data.len();
                if self.received > max_bytes {
                    return Err(too_large(max_bytes));
                }
                return Ok(Some(data));
            }
        }
    }

    /// Reads the rest of a body that was refused, for a limited time: if the connection closed while the client writes,
    /// its reset would overtake the refusal.
    pub async fn drain(mut self) {
        let reading = async { while let Some(Ok(_)) = self.body.frame().await {} };
        // What has not arrived by then stays unread.
        let _ = tokio::time::timeout(REFUSED_BODY_LINGER, reading).await;
    }
}

/// Refuses compressed bodies.
///
/// # Errors
/// 415.
pub fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(unsupported_media_type("compressed bodies are not taken"));
    }
    Ok(())
}

fn too_large(max_bytes: usize) -> Problem {
    Problem::new(ProblemCode::BodyTooLarge, format!("the body has more than {max_bytes} bytes"))
}

/// Refuses a body whose media type is not read here.
pub fn unsupported_media_type(detail: &str) -> Problem {
    Problem::new(ProblemCode::MediaTypeUnsupported, detail)
}

fn media_type(headers: &HeaderMap) -> Result<BodyMediaType, Problem> {
    check_encoding(headers)?;
    let Some(text) = headers.get(CONTENT_TYPE) else { return Ok(BodyMediaType::None) };
    let text = text.to_str().unwrap_or_default().to_ascii_lowercase();
    let (essence, parameters) = text.split_once(';').unwrap_or((&text, ""));
    let charset = parameters.split(';').filter_map(|parameter| parameter.trim().strip_prefix("charset="));
    if !charset.map(|charset| charset.trim_matches('"')).all(|charset| charset == "utf-8" || charset == "utf8") {
        return Err(unsupported_media_type("only UTF-8 is taken"));
    }
    match essence.trim() {
        "application/json" => Ok(BodyMediaType::Json),
        "application/x-www-form-urlencoded" => Ok(BodyMediaType::Form),
        "text/plain" => Ok(BodyMediaType::Text),
        _ => Err(unsupported_media_type("send application/json")),
    }
}
