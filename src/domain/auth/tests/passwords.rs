use super::*;

#[test]
fn password_that_differs_in_its_last_character_is_wrong() {
    let long = "p".repeat(255);
    let stored = hash(&format!("{long}a"));
    assert!(stored.starts_with(CURRENT_HASH_PREFIX));
    assert_eq!(verify(&format!("{long}a"), Some(&stored)), PasswordCheck::Right);
    assert_eq!(verify(&format!("{long}b"), Some(&stored)), PasswordCheck::Wrong);
    assert_eq!(verify("nobody has this password", None), PasswordCheck::Wrong);
}

#[test]
fn weaker_hash_is_replaced_at_the_next_login() {
    let weak = argon2::Params::new(8_192, 1, 1, None).expect("sound parameters");
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, weak);
    let stored: PasswordHash = argon2.hash_password(b"correct horse").expect("a hash");
    let PasswordCheck::Rehashed(stronger) = verify("correct horse", Some(&stored.to_string())) else {
        panic!("the weak hash stayed");
    };
    assert!(stronger.starts_with(CURRENT_HASH_PREFIX));
    assert_eq!(verify("correct horse", Some(&stronger)), PasswordCheck::Right);
}
