//! Pages of lists: `limit`, and `page`, which is opaque and keeps all other parameters.

use crate::http::respond::page_token;
use crate::http::respond::problem::{Problem, malformed};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use utoipa::IntoParams;

/// Entries of a page when the client does not say.
const DEFAULT_PAGE_LIMIT: usize = 50;
/// Most entries of a page.
const MAX_PAGE_LIMIT: usize = 200;

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

impl PageParams {
    /// Reads them for a list whose pages go on from `T`.
    ///
    /// # Errors
    /// 400 for a limit out of range, and a `page` that is no `next` of this list.
    pub fn read<T: DeserializeOwned>(self) -> Result<PageRequest<T>, Problem> {
        PageRequest::read(self.page.as_deref(), self.limit)
    }
}

/// Which part of a list is wanted.
pub struct PageRequest<T> {
    /// Where the page begins, and what the list's parameters were; none: it is the first page.
    pub token: Option<T>,
    pub limit: usize,
}

/// The content of a page token.
#[derive(Serialize, Deserialize)]
struct PageTokenWithLimit<T> {
    #[serde(flatten)]
    token: T,
    limit: usize,
}

impl<T: DeserializeOwned> PageRequest<T> {
    /// Reads `page` and `limit`; a `limit` that is given wins over the one that `page` keeps.
    ///
    /// # Errors
    /// 400 for a limit out of range, and a `page` that is no `next` of this list.
    pub fn read(page: Option<&str>, limit: Option<usize>) -> Result<Self, Problem> {
        let decoded: Option<PageTokenWithLimit<T>> = page.map(page_token::decode).transpose()?;
        let limit = limit.or(decoded.as_ref().map(|decoded| decoded.limit));
        let limit = in_range("limit", limit, DEFAULT_PAGE_LIMIT, 1..=MAX_PAGE_LIMIT)?;
        Ok(Self { token: decoded.map(|decoded| decoded.token), limit })
    }
}

impl<T: Serialize> PageRequest<T> {
    /// The value of `next` for a page that goes on from `token`.
    pub fn next(&self, token: T) -> String {
        page_token::encode(&PageTokenWithLimit { token, limit: self.limit })
    }
}

/// Reads a number that must lie in a range.
///
/// # Errors
/// 400 when it does not.
pub fn in_range(
    field: &str,
    given: Option<usize>,
    default: usize,
    range: RangeInclusive<usize>,
) -> Result<usize, Problem> {
    let number = given.unwrap_or(default);
    if range.contains(&number) {
        return Ok(number);
    }
    Err(malformed(field, format!("is {number}, needs {} to {}", range.start(), range.end())))
}
