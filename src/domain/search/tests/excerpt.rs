use super::*;
use crate::domain::search::fold::words;
use proptest::prelude::*;

#[test]
fn short_text_is_its_own_excerpt_on_one_line() {
    assert_eq!(around("Guten\r\n\tMorgen,  Anna", &words("anna")), "Guten Morgen, Anna");
}

#[test]
fn long_text_is_cut_at_words_around_the_first_match() {
    let text = format!("{} Zugspitze {}", "eins zwei drei".repeat(20), "vier fünf ".repeat(40));
    let excerpt = around(&text, &words("fünf ZUGSPITZE"));
    assert!(
        excerpt.starts_with('…') && excerpt.ends_with('…') && excerpt.contains(" Zugspitze vier fünf"),
        "{excerpt}"
    );
    let inner = excerpt.trim_matches('…');
    assert!(
        inner.chars().count() <= MAX_EXCERPT_LENGTH && inner.split(' ').all(|word| text.contains(word)),
        "{excerpt}"
    );
    assert!(inner.ends_with("vier") || inner.ends_with("fünf"), "{excerpt}");
}

#[test]
fn match_is_located_in_the_text_as_it_was_written() {
    let text = format!("{}Straße 東京 {}", "ẞ\u{fe0f} ﬁ ".repeat(60), "x ".repeat(200));
    assert!(around(&text, &words("strasse")).contains("Straße 東京 x"));
    assert!(around(&text, &words("京")).contains("Straße 東京 x"));
}

#[test]
fn text_without_spaces_is_cut_between_characters() {
    let text = "的".repeat(500) + "東京" + &"了".repeat(500);
    let excerpt = around(&text, &words("東京"));
    assert!(excerpt.contains("的東京了"), "{excerpt}");
    assert_eq!(excerpt.chars().count(), MAX_EXCERPT_LENGTH + 2);
    let marked = "e".to_owned() + &"\u{301}".repeat(1_000);
    assert_eq!(around(&marked, &words("e")).chars().count(), MAX_EXCERPT_LENGTH + 1);
}

proptest! {
    #[test]
    fn excerpt_is_short_and_plain(text in "(\\PC|[ \n\u{301}]){0,400}", word in "\\PC{0,5}") {
        let excerpt = around(&text, &words(&word));
        prop_assert!(excerpt.chars().count() <= MAX_EXCERPT_LENGTH + 2);
        prop_assert!(!excerpt.contains('\n'));
    }
}
