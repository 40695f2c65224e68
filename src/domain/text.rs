//! What texts and titles may hold.

use super::{Error, invalid};
use crate::wire::FieldError;
use serde_json::value::RawValue;

/// Unicode scalar values of a message.
const TEXT: std::ops::RangeInclusive<usize> = 1..=16_384;
/// Bytes of a message's metadata.
const METADATA_BYTES: usize = 4_096;
/// Arrays and objects inside each other: with the event around them, half of what usual parsers take.
const METADATA_DEPTH: usize = 60;
/// Unicode scalar values of titles, display names and devices: a line on a small screen.
const LINE: std::ops::RangeInclusive<usize> = 1..=100;

/// Checks a message's text.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_text(text: &str) -> Result<(), Error> {
    check(text, "text", &TEXT)
}

/// Checks a title, a display name or a device.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_line(text: &str, field: &str) -> Result<(), Error> {
    check(text, field, &LINE)?;
    if text.chars().any(char::is_control) {
        return Err(invalid(field, "has control characters"));
    }
    Ok(())
}

fn check(text: &str, field: &str, range: &std::ops::RangeInclusive<usize>) -> Result<(), Error> {
    let count = text.chars().count();
    if !range.contains(&count) {
        let (least, most) = (range.start(), range.end());
        return Err(invalid(field, format!("has {count} characters, needs {least} to {most}")));
    }
    Ok(())
}

/// Checks a message's metadata and puts it on one line, otherwise untouched.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_metadata(metadata: &RawValue) -> Result<Box<RawValue>, Error> {
    let text = metadata.get();
    if !text.starts_with('{') {
        return Err(invalid("metadata", "is not an object"));
    }
    let line = without_space(text);
    if line.len() > METADATA_BYTES {
        return Err(invalid("metadata", format!("has {} bytes, at most {METADATA_BYTES} are taken", line.len())));
    }
    // A number or a depth that other parsers refuse would make an event that nobody can read.
    let depth = depth(&line);
    if depth > METADATA_DEPTH {
        return Err(malformed(format!("is nested {depth} deep, at most {METADATA_DEPTH} are taken")));
    }
    serde_json::from_str::<serde_json::Value>(&line).map_err(|error| match error.to_string() {
        detail if is_lone_surrogate(&detail) => invalid("metadata", "lone surrogates are not taken"),
        detail => malformed(detail),
    })?;
    RawValue::from_string(line).map_err(|error| malformed(error.to_string()))
}

/// Whether this is what serde_json says of half a surrogate pair.
pub fn is_lone_surrogate(detail: &str) -> bool {
    detail.starts_with("lone leading surrogate") || detail.starts_with("unexpected end of hex escape")
}

fn malformed(detail: String) -> Error {
    Error::Malformed(vec![FieldError { field: "metadata".into(), detail }])
}

/// How deep the arrays and objects of a JSON text are nested, without the space between its tokens.
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
    let mut quoted = Quoted::default();
    json.chars()
        .filter(|&character| quoted.passes(character) || !matches!(character, ' ' | '\t' | '\n' | '\r'))
        .collect()
}

/// Calls `visit` with each character of a JSON text that stands outside of strings.
fn tokens(json: &str, mut visit: impl FnMut(char)) {
    let mut quoted = Quoted::default();
    json.chars().filter(|&character| !quoted.passes(character)).for_each(&mut visit);
}

/// Whether the characters of a JSON text stand in a string.
#[derive(Default)]
struct Quoted {
    inside: bool,
    escaped: bool,
}

impl Quoted {
    /// Passes a character; answers whether it belongs to a string, its closing quote aside.
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
mod tests {
    use super::*;

    #[test]
    fn metadata_loses_the_space_between_tokens_and_nothing_else() {
        let json = "{ \"a b\\\" \\\\\" :\n [1.0, 1e400 ,\"\\n \"] }";
        assert_eq!(without_space(json), "{\"a b\\\" \\\\\":[1.0,1e400,\"\\n \"]}");
    }

    #[test]
    fn metadata_that_other_parsers_refuse_is_refused() {
        let nested = |depth| format!("{{\"a]\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        let check = |json: &str| check_metadata(&RawValue::from_string(json.to_owned()).unwrap());
        assert!(check(&nested(59)).is_ok());
        assert!(matches!(check(&nested(60)), Err(Error::Malformed(_))));
        assert!(matches!(check("{\"a\":1e400}"), Err(Error::Malformed(_))));
        assert!(matches!(check("[1]"), Err(Error::Invalid(_))));
    }

    #[test]
    fn a_text_of_the_most_characters_is_taken_and_one_more_is_not() {
        assert!(check_text(&"ü".repeat(16_384)).is_ok());
        assert!(check_text(&"ü".repeat(16_385)).is_err());
        assert!(check_text("").is_err());
    }
}
