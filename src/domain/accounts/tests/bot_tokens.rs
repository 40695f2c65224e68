use super::*;

#[test]
fn only_what_has_the_prefix_and_the_length_is_taken_for_a_token() {
    let good = format!("{BOT_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random_bytes::<32>()));
    assert!(is_bot_token(&good));
    assert!(!is_bot_token(&good[1..]) && !is_bot_token(&good[..40]) && !is_bot_token("eyJhbGciOiJIUzI1NiJ9.e30.x"));
}
