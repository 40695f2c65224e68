//! Pages of lists: `limit`, and `page`, which is opaque and keeps all other parameters.

use super::problem::{Problem, malformed};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// Entries of a page when the client does not say.
const USUAL: usize = 50;
/// Most entries of a page.
const MOST: usize = 200;

/// A page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Most entries of the page.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<usize>,
    /// `next` of the page before.
    page: Option<String>,
}

/// Which part of a list is wanted.
pub struct Page<Place> {
    /// Where it begins; none: with the first entry.
    pub place: Option<Place>,
    pub limit: usize,
}

/// What stands in `page`.
#[derive(Serialize, Deserialize)]
struct Token<Place> {
    #[serde(flatten)]
    place: Place,
    limit: usize,
}

impl PageParams {
    /// Reads them.
    ///
    /// # Errors
    /// 400 for a limit out of range, and a `page` that no answer of this list told.
    pub fn read<Place: DeserializeOwned>(self) -> Result<Page<Place>, Problem> {
        let token: Option<Token<Place>> = place(self.page.as_deref())?;
        let limit = limit(self.limit.or(token.as_ref().map(|token| token.limit)))?;
        Ok(Page { place: token.map(|token| token.place), limit })
    }
}

impl<Place: Serialize> Page<Place> {
    /// The value of `page` for what follows.
    pub fn next(&self, place: Place) -> String {
        token(&Token { place, limit: self.limit })
    }
}

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
