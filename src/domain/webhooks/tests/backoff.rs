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
fn retry_after_lengthens_the_wait_up_to_an_hour() {
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
