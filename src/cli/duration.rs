//! Durations on the command line.

use std::time::Duration;

/// A hundred years: times that far from now can still be represented.
const MAX_DURATION_SECONDS: u64 = 3_153_600_000;

/// Parses seconds, or a number with the unit s, m, h or d.
///
/// # Errors
/// The unit is another one, or the number is no duration of a second to a hundred years.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        other => return Err(format!("has the unit {other}, needs s, m, h or d")),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    match seconds {
        Some(seconds @ 1..=MAX_DURATION_SECONDS) => Ok(Duration::from_secs(seconds)),
        _ => Err("needs a number of at least one second and at most a hundred years".into()),
    }
}

#[cfg(test)]
#[path = "tests/duration.rs"]
mod tests;
