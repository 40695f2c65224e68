//! Pages of lists: `limit`, and `page`, which is opaque and keeps all other parameters.

use super::problem::{Problem, malformed};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Entries of a page when the client does not say.
const USUAL: usize = 50;
/// Most entries of a page.
const MOST: usize = 200;

/// Reads `limit`.
///
/// # Errors
/// 400 when it is out of range.
pub fn limit(wanted: Option<usize>) -> Result<usize, Problem> {
    in_range("limit", wanted, USUAL, 1..=MOST)
}

/// Reads a number that must lie in a range.
///
/// # Errors
/// 400 when it does not.
pub fn in_range(
    field: &str,
    wanted: Option<usize>,
    usual: usize,
    range: std::ops::RangeInclusive<usize>,
) -> Result<usize, Problem> {
    let number = wanted.unwrap_or(usual);
    if range.contains(&number) {
        return Ok(number);
    }
    Err(malformed(field, format!("is {number}, needs {} to {}", range.start(), range.end())))
}

/// Makes the value of `page` that goes on from `place`.
pub fn token<T: Serialize>(place: &T) -> String {
    // Numbers and ids: nothing that could fail.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

/// Reads a value of `page`.
///
/// # Errors
/// 400 when it is none that [`token`] made for this list.
pub fn place<T: DeserializeOwned>(token: Option<&str>) -> Result<Option<T>, Problem> {
    let read = |token: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok();
    token.map(|token| read(token).ok_or_else(|| malformed("page", "is not what an answer's `next` said"))).transpose()
}
