//! `Content-Disposition`: reading a file's name, and telling it (RFC 6266, RFC 8187).

use super::problem::{Problem, malformed};
use hyper::HeaderMap;
use hyper::header::CONTENT_DISPOSITION;

/// Reads the name that an upload gives: `filename*` wins, as the one that says how it is encoded.
///
/// # Errors
/// 400 when the header cannot be read.
pub fn file_name(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut fields = headers.get_all(CONTENT_DISPOSITION).iter();
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        return Err(refused("is given more than once"));
    }
    let text = std::str::from_utf8(field.as_bytes()).map_err(|_| refused("is not UTF-8"))?;
    let parameters = parameters(text).ok_or_else(|| refused("is not of the form attachment; filename=\"x\""))?;
    let named = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    match (named("filename*"), named("filename")) {
        (Some(extended), _) => {
            let name = decode(extended).ok_or_else(|| refused("has a filename* that is not of the form UTF-8''x"))?;
            Ok(Some(name))
        }
        (None, plain) => Ok(plain.cloned()),
    }
}

fn refused(detail: &str) -> Problem {
    malformed("Content-Disposition", detail)
}

/// The parameters behind the kind of disposition, names in lower case.
fn parameters(text: &str) -> Option<Vec<(String, String)>> {
    let mut rest = text.split_once(';').map_or("", |(_, rest)| rest).trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value_of(after.trim_start())?;
        found.push((name.trim().to_ascii_lowercase(), value));
        rest = match after.trim_start() {
            "" => "",
            more => more.strip_prefix(';')?.trim_start(),
        };
    }
    Some(found)
}

/// A value, quoted or not, and what follows it.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            // Clients that send a path do not escape what separates its parts.
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            _ => value.push(character),
        }
    }
    None
}

/// Decodes the value of `filename*`.
fn decode(text: &str) -> Option<String> {
    let (charset, rest) = text.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => digit(rest.next()?)? * 16 + digit(rest.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

/// The value that has a file saved under `name`, and never shown.
pub fn attachment(name: &str) -> String {
    let plain = |character: char| match character {
        '"' | '\\' | '%' => '_',
        ' '..='~' => character,
        _ => '_',
    };
    let encoded: String = name.bytes().map(encode).collect();
    format!("attachment; filename=\"{}\"; filename*=UTF-8''{encoded}", name.chars().map(plain).collect::<String>())
}

fn encode(byte: u8) -> String {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => (byte as char).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
#[path = "tests/content_disposition.rs"]
mod tests;
