use super::*;

#[test]
fn only_what_has_the_prefix_and_the_length_is_taken_for_a_token() {
    let good = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random_bytes::<32>()));
    assert!(is_token(&good));
    assert!(!is_token(&good[1..]) && !is_token(&good[..40]) && !is_token("eyJhbGciOiJIUzI1NiJ9.e30.x"));
}
