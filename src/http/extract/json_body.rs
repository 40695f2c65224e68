//! JSON bodies.

use super::body::{BodyMediaType, CompleteBody, MAX_BODY_BYTES, unsupported_media_type};
use crate::domain::{invalid, is_lone_surrogate};
use crate::http::respond::problem::{Problem, malformed};
use crate::http::respond::problem_code::ProblemCode;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// A JSON body of at most `MAX_BYTES` bytes; an empty one is an empty object.
pub struct JsonBody<T, const MAX_BYTES: usize = MAX_BODY_BYTES> {
    pub value: T,
    /// As it came.
    pub bytes: Bytes,
}

impl<T: DeserializeOwned, S: Sync, const MAX_BYTES: usize> FromRequest<S> for JsonBody<T, MAX_BYTES> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let body = CompleteBody::read(request, MAX_BYTES).await?;
        match body.media_type {
            BodyMediaType::Json | BodyMediaType::Form | BodyMediaType::None => {
                Ok(Self { value: parse(&body.bytes)?, bytes: body.bytes })
            }
            BodyMediaType::Text => Err(unsupported_media_type("send application/json")),
        }
    }
}

/// Reads a JSON text; an empty one is an empty object.
///
/// # Errors
/// 400 for what cannot be read, 422 for U+0000 and lone surrogates.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::new(ProblemCode::Malformed, "the body is not UTF-8"))?;
    if has_nul(text) {
        return Err(invalid("", "U+0000 is not taken").into());
    }
    // Serde would read its elements as the fields.
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

/// Deserializes a field so that null (`Some(None)`) differs from absence (`None`, with `#[serde(default)]`).
///
/// # Errors
/// The field has another shape.
pub fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
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
#[path = "tests/json_body.rs"]
mod tests;
