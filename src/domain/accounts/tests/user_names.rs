use super::*;

#[test]
fn names_are_folded() {
    assert_eq!(user_name("Anna.B-2").as_deref(), Some("anna.b-2"));
}

#[test]
fn names_against_the_rules_are_refused() {
    let long = "a".repeat(33);
    let id = "0".repeat(32);
    for name in ["a", "me", "ME", "-ab", "ab.", "a b", "ünal", "ﬀab", "a\u{200b}b", "", &long, &id] {
        assert_eq!(user_name(name), None, "{name}");
    }
}
