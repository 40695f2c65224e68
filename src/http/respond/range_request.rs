//! Conditional and range requests: which part of a file is to be sent, if any (RFC 9110, sections 13 and 14).

use hyper::HeaderMap;
use hyper::header::{HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE};
use std::ops::Range;

/// The conditions of a request for a file with an `ETag`.
pub struct RangeConditions<'a> {
    headers: &'a HeaderMap,
    etag: &'a str,
}

impl<'a> RangeConditions<'a> {
    /// Those of `headers`; `etag` is strong, with its quotes.
    pub fn of(headers: &'a HeaderMap, etag: &'a str) -> Self {
        Self { headers, etag }
    }

    /// Whether the client has this version already.
    pub fn is_not_modified(&self) -> bool {
        let fields = self.headers.get_all(IF_NONE_MATCH).iter().filter_map(|field| field.to_str().ok());
        let mut tags = fields.flat_map(|field| field.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
    }

    /// The range to answer. None stands for the whole: without a range, with several, with one that cannot be read or lies
    /// beyond the end, and with one of another version. A server may ignore any range.
    pub fn range(&self, size: u64) -> Option<Range<u64>> {
        if self.headers.contains_key(IF_RANGE) && self.only(IF_RANGE) != Some(self.etag) {
            return None;
        }
        parse(self.only(RANGE)?, size)
    }

    fn only(&self, name: HeaderName) -> Option<&str> {
        let mut fields = self.headers.get_all(name).iter();
        let field = fields.next().filter(|_| fields.next().is_none())?;
        field.to_str().ok()
    }
}

fn parse(text: &str, size: u64) -> Option<Range<u64>> {
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..size.min(last.saturating_add(1)),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return None,
    };
    (range.start < range.end).then_some(range)
}

/// A number of nothing but digits.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The value of `Content-Range`; the part is not empty.
pub fn content_range(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end - 1)
}

#[cfg(test)]
#[path = "tests/range_request.rs"]
mod tests;
