//! Page tokens: the opaque values of `next` and `page`, which keep where a page begins and all parameters of the first.

use super::problem::{Problem, malformed};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Makes a page token of a list.
pub fn encode<T: Serialize>(token: &T) -> String {
    // Numbers, strings and ids: nothing that could fail.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(token).unwrap_or_default())
}

/// Reads a page token.
///
/// # Errors
/// 400 when [`encode`] did not make it for this list.
pub fn decode<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let token = URL_SAFE_NO_PAD.decode(text).ok().and_then(|json| serde_json::from_slice(&json).ok());
    token.ok_or_else(invalid_page_token)
}

/// Refuses a page token.
pub fn invalid_page_token() -> Problem {
    malformed("page", "is not what an answer's `next` said")
}
