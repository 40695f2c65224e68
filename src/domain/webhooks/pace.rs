//! How long to wait after a failure.

use chrono::{DateTime, Utc};
use std::time::Duration;

/// Wait after the first failure; each later one doubles it.
const FIRST: Duration = Duration::from_secs(5);
/// Wait after many failures: short enough that a target which comes back is served soon.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// Most that a target may ask for.
const MOST_ASKED: Duration = Duration::from_secs(3_600);
/// After so long a time of nothing but failures a webhook is paused.
pub const PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// How long to wait after the failure that makes it `failures` in a row: twice as long each time, never less than the
/// target asked for, within bounds, and then up to a quarter more, so that targets do not come back all at once.
pub fn wait(failures: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    let wait = asked.map_or(doubled, |asked| doubled.max(asked.min(MOST_ASKED)));
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
mod tests {
    use super::*;

    fn around(wait: Duration, seconds: u64) -> bool {
        (Duration::from_secs(seconds)..=Duration::from_secs(seconds).mul_f64(1.25)).contains(&wait)
    }

    #[test]
    fn waits_double_up_to_five_minutes() {
        for (failures, seconds) in [(1, 5), (2, 10), (3, 20), (6, 160), (7, 300), (8, 300), (u32::MAX, 300)] {
            assert!(around(wait(failures, None), seconds), "{failures}");
        }
    }

    #[test]
    fn what_a_target_asks_for_lengthens_the_wait_up_to_an_hour() {
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert!(around(wait(1, asked(0)), 5));
        assert!(around(wait(1, asked(120)), 120));
        assert!(around(wait(9, asked(120)), 300));
        assert!(around(wait(1, asked(u64::MAX)), 3_600));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::parse_from_rfc3339("2026-03-01T12:00:00Z").unwrap().to_utc();
        let read = |text| retry_after(text, now);
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read("Sun, 01 Mar 2026 12:01:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(read("Sun, 01 Mar 2026 11:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
        assert_eq!(read("-5"), None);
    }
}
