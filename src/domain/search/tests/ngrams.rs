use super::*;
use crate::domain::search::fold;
use proptest::prelude::*;

fn grams(pieces: &[&str]) -> Vec<i32> {
    sorted(pieces.iter().map(|piece| gram(&piece.chars().collect::<Vec<_>>())).collect())
}

#[test]
fn text_has_the_ngrams_of_its_words() {
    assert_eq!(of_text("ab cde"), grams(&["a", "b", "c", "d", "e", "ab", "cd", "de", "cde"]));
    assert_eq!(of_text("東京 東"), grams(&["東", "京", "東京"]));
}

#[test]
fn word_is_searched_by_its_longest_ngrams() {
    let word = |word: &str| of_words(&[word.to_owned()]);
    assert_eq!(word("a"), grams(&["a"]));
    assert_eq!(word("ab"), grams(&["ab"]));
    assert_eq!(word("abcd"), grams(&["abc", "bcd"]));
    assert_eq!(word("東京都"), grams(&["東京", "京都"]));
    assert_eq!(word("abc東京"), grams(&["abc", "c東", "東京"]));
    assert_eq!(word("京"), grams(&["京"]));
}

#[test]
fn places_are_told_apart_by_size_and_are_no_pieces() {
    assert_eq!(of_position(Position(4_095)), [-1, -1 - (1 << 29), -1 - (2 << 29)]);
    assert_eq!(of_position(Position(4_096)), [-2, -1 - (1 << 29), -1 - (2 << 29)]);
    assert!(of_position(Position::MAX).iter().all(|number| *number < 0));
    assert!(mixed(u64::MAX) >= 0);
}

#[test]
fn numbers_are_those_that_are_stored() {
    assert_eq!(grams(&["a", "ab", "東"]), [1_198_890_541, 1_467_989_669, 1_680_906_696]);
}

proptest! {
    #[test]
    fn ngrams_of_a_text_include_those_of_its_parts(text in "\\PC{0,40}", from in 0usize..40, length in 1usize..12) {
        let folded = fold::fold(&text);
        let part: String = folded.chars().skip(from).take(length).collect();
        let words: Vec<String> = part.split_whitespace().map(str::to_owned).collect();
        let all = of_text(&folded);
        prop_assert!(of_words(&words).iter().all(|gram| all.contains(gram)), "{} {:?}", folded, words);
    }
}
