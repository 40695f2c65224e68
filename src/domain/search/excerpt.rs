//! A piece of a text around what was looked for.

use super::fold::{clusters, fold_cluster};

/// Most characters of an excerpt, without the marks of what is left out.
const MOST: usize = 160;
/// Characters of it before the first match.
const BEFORE: usize = 40;
/// How far an end moves inwards so that no word is cut.
const SLACK: usize = 20;

/// Cuts out what is around the first match of one of the folded words: on one line, with an ellipsis where it is cut.
pub fn around(text: &str, words: &[String]) -> String {
    let (mut folded, mut places) = (String::new(), Vec::new());
    for (start, cluster) in clusters(text) {
        places.push((folded.len(), start));
        fold_cluster(cluster, &mut folded);
    }
    let found = words.iter().filter_map(|word| folded.find(word.as_str())).min().unwrap_or(0);
    // The last cluster that begins at or before the match.
    let index = places.partition_point(|(at, _)| *at <= found).saturating_sub(1);
    let origin = places.get(index).map_or(0, |(_, start)| *start);
    let from = beginning(text, origin);
    let to = from + length(&text[from..], origin - from);
    let middle = text[from..to].split(|character: char| character.is_whitespace() || character.is_control());
    let line = middle.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let cut = |is_cut: bool| if is_cut { "…" } else { "" };
    format!("{}{line}{}", cut(from > 0), cut(to < text.len()))
}

/// Where the excerpt begins: at a word, if one begins near.
fn beginning(text: &str, origin: usize) -> usize {
    let Some((from, _)) = text[..origin].char_indices().rev().nth(BEFORE - 1).filter(|(at, _)| *at > 0) else {
        return 0;
    };
    let near = text[from..origin].char_indices().take(SLACK).find(|(_, character)| character.is_whitespace());
    let whole = clusters(&text[from..origin]).nth(1).map_or(0, |(at, _)| at);
    from + near.map_or(whole, |(at, space)| at + space.len_utf8())
}

/// How many bytes the excerpt has: up to the end of a word that ends near, but no less than `least`.
fn length(text: &str, least: usize) -> usize {
    let Some((most, _)) = text.char_indices().nth(MOST) else { return text.len() };
    let mut before = text[..most].char_indices().rev().take(SLACK);
    match before.find(|(_, character)| character.is_whitespace()) {
        Some((at, _)) if at > least => at,
        _ => clusters(text)
            .map(|(at, _)| at)
            .take_while(|at| *at <= most)
            .last()
            .filter(|at| *at > least)
            .unwrap_or(most),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fold::words;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_text_is_its_own_excerpt_on_one_line() {
        assert_eq!(around("Guten\r\n\tMorgen,  Anna", &words("anna")), "Guten Morgen, Anna");
    }

    #[test]
    fn a_long_text_is_cut_at_words_around_the_first_match() {
        let text = format!("{} Zugspitze {}", "eins zwei drei".repeat(20), "vier fünf ".repeat(40));
        let excerpt = around(&text, &words("fünf ZUGSPITZE"));
        assert!(
            excerpt.starts_with('…') && excerpt.ends_with('…') && excerpt.contains(" Zugspitze vier fünf"),
            "{excerpt}"
        );
        let inner = excerpt.trim_matches('…');
        assert!(inner.chars().count() <= MOST && inner.split(' ').all(|word| text.contains(word)), "{excerpt}");
        assert!(inner.ends_with("vier") || inner.ends_with("fünf"), "{excerpt}");
    }

    #[test]
    fn the_place_of_a_match_is_that_in_the_text_as_it_was_written() {
        let text = format!("{}Straße 東京 {}", "ẞ\u{fe0f} ﬁ ".repeat(60), "x ".repeat(200));
        assert!(around(&text, &words("strasse")).contains("Straße 東京 x"));
        assert!(around(&text, &words("京")).contains("Straße 東京 x"));
    }

    #[test]
    fn a_text_without_spaces_is_cut_between_characters() {
        let text = "的".repeat(500) + "東京" + &"了".repeat(500);
        let excerpt = around(&text, &words("東京"));
        assert!(excerpt.contains("的東京了"), "{excerpt}");
        assert_eq!(excerpt.chars().count(), MOST + 2);
        let marked = "e".to_owned() + &"\u{301}".repeat(1_000);
        assert_eq!(around(&marked, &words("e")).chars().count(), MOST + 1);
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_plain(text in "(\\PC|[ \n\u{301}]){0,400}", word in "\\PC{0,5}") {
            let excerpt = around(&text, &words(&word));
            prop_assert!(excerpt.chars().count() <= MOST + 2);
            prop_assert!(!excerpt.contains('\n'));
        }
    }
}
