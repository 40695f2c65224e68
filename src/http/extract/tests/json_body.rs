use super::*;

#[test]
fn escaped_nul_is_found_and_an_escaped_backslash_before_u0000_is_none() {
    assert!(has_nul(r#"{"a":"\u0000"}"#));
    assert!(has_nul(r#"{"a":"\\\u0000"}"#));
    assert!(!has_nul(r#"{"a":"\\u0000"}"#));
}
