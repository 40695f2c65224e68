//! What the text and the metadata of a message may hold.

use crate::domain::common::validation::check_length;
use crate::domain::error::{Error, invalid};
use crate::wire::FieldError;
use serde_json::value::RawValue;

/// Unicode scalar values of a message's text.
const TEXT_LENGTH: std::ops::RangeInclusive<usize> = 1..=16_384;
/// Bytes of a message's metadata.
const MAX_METADATA_BYTES: usize = 4_096;
/// Nesting of arrays and objects: with the event around them, half of what common parsers take.
const MAX_METADATA_DEPTH: usize = 60;

/// Checks a message's text.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_text(text: &str) -> Result<(), Error> {
    check_length(text, "text", &TEXT_LENGTH)
}

/// Checks a message's metadata and removes the white space between its tokens, so that it stands on one line.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_metadata(metadata: &RawValue) -> Result<Box<RawValue>, Error> {
    let text = metadata.get();
    if !text.starts_with('{') {
        return Err(invalid("metadata", "is not an object"));
    }
    let line = without_space(text);
    if line.len() > MAX_METADATA_BYTES {
        return Err(invalid("metadata", format!("has {} bytes, at most {MAX_METADATA_BYTES} are taken", line.len())));
    }
    // A number or a nesting that common parsers refuse would make the whole event unreadable for clients.
    let depth = depth(&line);
    if depth > MAX_METADATA_DEPTH {
        return Err(malformed(format!("is nested {depth} deep, at most {MAX_METADATA_DEPTH} are taken")));
    }
    serde_json::from_str::<serde_json::Value>(&line).map_err(|error| match error.to_string() {
        detail if is_lone_surrogate(&detail) => invalid("metadata", "lone surrogates are not taken"),
        detail => malformed(detail),
    })?;
    RawValue::from_string(line).map_err(|error| malformed(error.to_string()))
}

/// Whether this is the message of serde_json for a lone surrogate.
pub fn is_lone_surrogate(detail: &str) -> bool {
    detail.starts_with("lone leading surrogate") || detail.starts_with("unexpected end of hex escape")
}

fn malformed(detail: String) -> Error {
    Error::Malformed(vec![FieldError { field: "metadata".into(), detail }])
}

/// How deep the arrays and objects of a JSON text are nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    tokens(json, |character| {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    });
    deepest
}

/// Drops the white space between the tokens of a JSON text.
fn without_space(json: &str) -> String {
    let mut quoted = JsonStringState::default();
    json.chars()
        .filter(|&character| quoted.passes(character) || !matches!(character, ' ' | '\t' | '\n' | '\r'))
        .collect()
}

/// Calls `visit` with each character of a JSON text that stands outside of strings.
fn tokens(json: &str, mut visit: impl FnMut(char)) {
    let mut quoted = JsonStringState::default();
    json.chars().filter(|&character| !quoted.passes(character)).for_each(&mut visit);
}

/// Tells for each character of a JSON text whether it is part of a string.
#[derive(Default)]
struct JsonStringState {
    inside: bool,
    escaped: bool,
}

impl JsonStringState {
    /// Takes the next character; answers whether it belongs to a string. The closing quote does not.
    fn passes(&mut self, character: char) -> bool {
        let was_inside = self.inside;
        if self.escaped {
            self.escaped = false;
        } else if self.inside && character == '\\' {
            self.escaped = true;
        } else if character == '"' {
            self.inside = !self.inside;
        }
        was_inside && self.inside
    }
}

#[cfg(test)]
#[path = "tests/text.rs"]
mod tests;
