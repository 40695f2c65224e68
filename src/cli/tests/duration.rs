use super::parse_duration;
use std::time::Duration;

#[test]
fn duration_is_a_number_of_seconds_or_has_a_unit() {
    let expected = [("1", 1), ("90", 90), ("90s", 90), ("2m", 120), ("24h", 86_400), ("90d", 7_776_000)];
    for (text, seconds) in expected {
        assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
}

#[test]
fn duration_without_a_number_or_out_of_range_is_refused() {
    for text in ["", "s", "-1", "1.5h", "0", "0d", "36501d", "99999999999999999999"] {
        let error = parse_duration(text).expect_err(text);
        assert_eq!(error, "needs a number of at least one second and at most a hundred years", "{text}");
    }
    assert_eq!(parse_duration("2w"), Err("has the unit w, needs s, m, h or d".into()));
}
