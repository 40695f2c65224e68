use super::*;

#[test]
fn names_are_found_wherever_they_stand_each_once() {
    assert_eq!(mentioned_names("@Anna, (@bert.) and @anna: see @c.d-e_f2... @zoë"), ["anna", "bert", "c.d-e_f2", "zo"]);
}

#[test]
fn addresses_and_lone_signs_are_no_names() {
    assert_eq!(mentioned_names("mail me@example.org @ @a @- ü@bert"), Vec::<String>::new());
}

#[test]
fn mentions_of_a_text_are_limited_in_number() {
    let text: String = (0..100).map(|number| format!("@user{number} ")).collect();
    assert_eq!(mentioned_names(&text).len(), MAX_MENTIONS);
}
