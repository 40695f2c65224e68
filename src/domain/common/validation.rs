//! What titles, display names and other texts may hold.

use crate::domain::error::{Error, invalid};

/// Unicode scalar values of titles, display names and devices: a line on a small screen.
const LINE_LENGTH: std::ops::RangeInclusive<usize> = 1..=100;

/// Checks a title, a display name or a device.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_line(text: &str, field: &str) -> Result<(), Error> {
    check_length(text, field, &LINE_LENGTH)?;
    if text.chars().any(char::is_control) {
        return Err(invalid(field, "has control characters"));
    }
    Ok(())
}

pub fn check_length(text: &str, field: &str, range: &std::ops::RangeInclusive<usize>) -> Result<(), Error> {
    let count = text.chars().count();
    if !range.contains(&count) {
        let (least, most) = (range.start(), range.end());
        return Err(invalid(field, format!("has {count} characters, needs {least} to {most}")));
    }
    Ok(())
}
