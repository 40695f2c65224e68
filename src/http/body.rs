//! Reading request bodies: size, media type, shape, in this order.

use super::problem::{Code, Problem, malformed};
use crate::domain::{invalid, is_lone_surrogate};
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use std::time::Duration;
use tokio::time::Instant;

/// Most bytes of a body.
pub const LIMIT: usize = 256 * 1024;
/// Most bytes of a body that lists members.
pub const LIST_LIMIT: usize = 1024 * 1024;
/// How long a body may take, beside what its size takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes a millisecond that a body must have: 16 KiB/s, less than any phone in reach of a network.
const SLOWEST: usize = 16;
/// How long the rest of a refused body is read.
const LINGER: Duration = Duration::from_secs(5);

/// A JSON body of at most `MOST` bytes; an empty one is an empty object.
pub struct Json<T, const MOST: usize = LIMIT> {
    pub value: T,
    /// As it came.
    pub bytes: Bytes,
}

impl<T: DeserializeOwned, S: Sync, const MOST: usize> FromRequest<S> for Json<T, MOST> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let body = Body::read(request, MOST).await?;
        match body.media_type {
            MediaType::Json | MediaType::Form | MediaType::None => {
                Ok(Self { value: parse(&body.bytes)?, bytes: body.bytes })
            }
            MediaType::Text => Err(unsupported("send application/json")),
        }
    }
}

/// What a body says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    Json,
    /// What bare `curl -d` says, whatever it sends.
    Form,
    Text,
    None,
}

/// A body, whole.
pub struct Body {
    pub media_type: MediaType,
    pub bytes: Bytes,
}

impl Body {
    /// Reads a body of at most `most` bytes.
    ///
    /// # Errors
    /// 408, 413, 415.
    pub async fn read(request: Request, most: usize) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let mut arriving = Arriving::new(body);
        arriving.check_length(&parts.headers, most)?;
        let media_type = media_type(&parts.headers)?;
        let mut bytes = BytesMut::new();
        while let Some(data) = arriving.next(most).await? {
            bytes.extend_from_slice(&data);
        }
        Ok(Self { media_type, bytes: bytes.freeze() })
    }
}

/// A body as it arrives.
pub struct Arriving {
    body: axum::body::Body,
    began: Instant,
    /// Bytes that have come.
    come: usize,
}

impl Arriving {
    /// Begins to read a body.
    pub fn new(body: axum::body::Body) -> Self {
        Self { body, began: Instant::now(), come: 0 }
    }

    /// Checks the length that the client announces.
    ///
    /// # Errors
    /// 413.
    pub fn check_length(&self, headers: &HeaderMap, most: usize) -> Result<(), Problem> {
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > most as u64) { Err(too_large(most)) } else { Ok(()) }
    }

    /// Waits for the next bytes of a body that may have `most`; none: it has ended.
    ///
    /// # Errors
    /// 400, 408, 413.
    pub async fn next(&mut self, most: usize) -> Result<Option<Bytes>, Problem> {
        loop {
            let deadline = self.began + patience(self.come);
            let frame = tokio::time::timeout_at(deadline, self.body.frame()).await;
            let frame = frame.map_err(|_| Problem::new(Code::RequestTimeout, "the body comes too slowly"))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|_| Problem::new(Code::Malformed, "the body broke off"))?;
            if let Ok(data) = frame.into_data() {
                self.come += data.len();
                if self.come > most {
                    return Err(too_large(most));
                }
                return Ok(Some(data));
            }
        }
    }

    /// Reads what is left of a body that was refused, as far as it comes soon: a connection that is closed while the
    /// client writes would take the refusal with it.
    pub async fn let_go(mut self) {
        let reading = async { while let Some(Ok(_)) = self.body.frame().await {} };
        // What has not come by then is left.
        let _ = tokio::time::timeout(LINGER, reading).await;
    }
}

/// How long a body may take of which so many bytes have come.
pub const fn patience(come: usize) -> Duration {
    Duration::from_millis(PATIENCE.as_millis() as u64 + (come / SLOWEST) as u64)
}

/// Refuses compressed bodies.
///
/// # Errors
/// 415.
pub fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(unsupported("compressed bodies are not taken"));
    }
    Ok(())
}

fn too_large(most: usize) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("the body has more than {most} bytes"))
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(Code::MediaTypeUnsupported, detail)
}

fn media_type(headers: &HeaderMap) -> Result<MediaType, Problem> {
    check_encoding(headers)?;
    let Some(text) = headers.get(CONTENT_TYPE) else { return Ok(MediaType::None) };
    let text = text.to_str().unwrap_or_default().to_ascii_lowercase();
    let (essence, parameters) = text.split_once(';').unwrap_or((&text, ""));
    let charset = parameters.split(';').filter_map(|parameter| parameter.trim().strip_prefix("charset="));
    if !charset.map(|charset| charset.trim_matches('"')).all(|charset| charset == "utf-8" || charset == "utf8") {
        return Err(unsupported("only UTF-8 is taken"));
    }
    match essence.trim() {
        "application/json" => Ok(MediaType::Json),
        "application/x-www-form-urlencoded" => Ok(MediaType::Form),
        "text/plain" => Ok(MediaType::Text),
        _ => Err(unsupported("send application/json")),
    }
}

/// Reads a JSON text; an empty one is an empty object.
///
/// # Errors
/// 400 for what cannot be read, 422 for text that no string here may hold.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::new(Code::Malformed, "the body is not UTF-8"))?;
    if has_nul(text) {
        return Err(invalid("", "U+0000 is not taken").into());
    }
    // Serde would take its elements for the fields.
    if text.trim_start().starts_with('[') {
        return Err(malformed("", "is an array; send a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        refused(if field == "." { String::new() } else { field }, error.inner())
    })?;
    deserializer.end().map_err(|error| refused(String::new(), &error))?;
    Ok(value)
}

/// Tells a field that is null from one that is not there.
///
/// # Errors
/// The field has another shape.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn refused(field: String, error: &serde_json::Error) -> Problem {
    let detail = error.to_string();
    if is_lone_surrogate(&detail) {
        return invalid(field, "lone surrogates are not taken").into();
    }
    malformed(field, detail)
}

/// Whether a JSON text has an escaped U+0000: an odd number of backslashes before `u0000`.
fn has_nul(text: &str) -> bool {
    text.match_indices("\\u0000").any(|(at, _)| {
        let before = text.as_bytes()[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        before % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_nul_is_found_and_an_escaped_backslash_before_it_is_not_one() {
        assert!(has_nul(r#"{"a":"\u0000"}"#));
        assert!(has_nul(r#"{"a":"\\\u0000"}"#));
        assert!(!has_nul(r#"{"a":"\\u0000"}"#));
    }
}
