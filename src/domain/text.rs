//! What texts and titles may hold.

use super::{Error, invalid};
use serde_json::value::RawValue;

/// Unicode scalar values of a message.
const TEXT: std::ops::RangeInclusive<usize> = 1..=16_384;
/// Bytes of a message's metadata.
const METADATA_BYTES: usize = 4_096;
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
    RawValue::from_string(line).map_err(|_| invalid("metadata", "is not JSON"))
}

/// Drops the white space between the tokens of a JSON text.
fn without_space(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    json.chars()
        .filter(|&character| {
            let keep = quoted || !matches!(character, ' ' | '\t' | '\n' | '\r');
            if quoted && !escaped && character == '\\' {
                escaped = true;
            } else {
                quoted ^= character == '"' && !escaped;
                escaped = false;
            }
            keep
        })
        .collect()
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
    fn a_text_of_the_most_characters_is_taken_and_one_more_is_not() {
        assert!(check_text(&"ü".repeat(16_384)).is_ok());
        assert!(check_text(&"ü".repeat(16_385)).is_err());
        assert!(check_text("").is_err());
    }
}
