use super::*;

#[test]
fn an_escaped_nul_is_found_and_an_escaped_backslash_before_it_is_not_one() {
    assert!(has_nul(r#"{"a":"\u0000"}"#));
    assert!(has_nul(r#"{"a":"\\\u0000"}"#));
    assert!(!has_nul(r#"{"a":"\\u0000"}"#));
}
