//! How long to wait after a failure.

use chrono::{DateTime, Utc};
use std::time::Duration;

/// Wait after the first failure; each later one doubles it.
const FIRST_RETRY: Duration = Duration::from_secs(5);
/// Wait after many failures: short enough that a target which comes back is served soon.
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// The longest wait that a target may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);
/// A webhook is paused when it has only failed for this time.
pub const PAUSE_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// How long to wait after the failure that makes it `failures` in a row: twice as long each time, never less than the
/// target asked for, within bounds, and then up to a quarter more, so that targets do not come back all at once.
pub fn wait(failures: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(MAX_RETRY_INTERVAL);
    let wait = asked.map_or(doubled, |asked| doubled.max(asked.min(MAX_RETRY_AFTER)));
    wait.mul_f64(1.0 + fastrand::f64() / 4.0)
}

/// Reads `Retry-After`: seconds, or a date.
pub fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some((date.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

#[cfg(test)]
#[path = "tests/backoff.rs"]
mod tests;
