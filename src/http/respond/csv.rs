//! Tables as text (RFC 4180).

use axum::response::{IntoResponse, Response};
use hyper::HeaderMap;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};

/// Whether a client asks for a table.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("text/csv"))
}

/// Answers a table with a line that names its columns.
pub fn table<const N: usize>(columns: [&str; N], rows: impl Iterator<Item = [String; N]>) -> Response {
    let mut text = line(columns.map(ToOwned::to_owned));
    rows.for_each(|row| text.push_str(&line(row)));
    let media_type = HeaderValue::from_static("text/csv; charset=utf-8");
    ([(CONTENT_TYPE, media_type)], text).into_response()
}

fn line<const N: usize>(fields: [String; N]) -> String {
    fields.map(quoted).join(",") + "\r\n"
}

fn quoted(field: String) -> String {
    match field.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    }
}

#[cfg(test)]
#[path = "tests/csv.rs"]
mod tests;
