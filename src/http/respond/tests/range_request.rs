use super::*;
use hyper::header::HeaderValue;

#[test]
fn single_ranges_are_read_and_all_others_ignored() {
    for (text, range) in [
        ("bytes=0-0", Some(0..1)),
        ("bytes=2-4", Some(2..5)),
        ("Bytes=2-", Some(2..10)),
        ("bytes=-3", Some(7..10)),
        ("bytes=-30", Some(0..10)),
        ("bytes=5-99999999999999999999", None),
        ("bytes=5-18446744073709551615", Some(5..10)),
        ("bytes=10-", None),
        ("bytes=-0", None),
        ("bytes=4-2", None),
        ("bytes=0-1,3-4", None),
        ("bytes=+1-2", None),
        ("bytes=-", None),
        ("bytes", None),
        ("items=0-1", None),
    ] {
        assert_eq!(parse(text, 10), range, "{text}");
    }
    assert_eq!(parse("bytes=0-", 0), None);
}

#[test]
fn range_of_another_version_is_ignored() {
    let mut headers = HeaderMap::new();
    headers.insert(RANGE, HeaderValue::from_static("bytes=1-"));
    for (tag, range) in [("\"a\"", Some(1..3)), ("W/\"a\"", None), ("\"b\"", None)] {
        headers.insert(IF_RANGE, HeaderValue::from_static(tag));
        assert_eq!(RangeConditions::of(&headers, "\"a\"").range(3), range, "{tag}");
    }
}
