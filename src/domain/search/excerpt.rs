//! Excerpts: a part of a text around the first match.

use crate::domain::search::fold::{clusters, fold_cluster};

/// Characters of an excerpt, without the ellipses.
const MAX_EXCERPT_LENGTH: usize = 160;
/// Characters of it before the first match.
const LENGTH_BEFORE_MATCH: usize = 40;
/// How far an end may move inwards so that no word is cut.
const WORD_SLACK: usize = 20;

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
    let ellipsis = |is_cut: bool| if is_cut { "…" } else { "" };
    format!("{}{line}{}", ellipsis(from > 0), ellipsis(to < text.len()))
}

/// Where the excerpt begins: at a word, if one begins near.
fn beginning(text: &str, origin: usize) -> usize {
    let Some((from, _)) = text[..origin].char_indices().rev().nth(LENGTH_BEFORE_MATCH - 1).filter(|(at, _)| *at > 0)
    else {
        return 0;
    };
    let near = text[from..origin].char_indices().take(WORD_SLACK).find(|(_, character)| character.is_whitespace());
    let whole = clusters(&text[from..origin]).nth(1).map_or(0, |(at, _)| at);
    from + near.map_or(whole, |(at, space)| at + space.len_utf8())
}

/// How many bytes the excerpt has: up to the end of a word that ends near, but no less than `least`.
fn length(text: &str, least: usize) -> usize {
    let Some((most, _)) = text.char_indices().nth(MAX_EXCERPT_LENGTH) else { return text.len() };
    let mut before = text[..most].char_indices().rev().take(WORD_SLACK);
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
#[path = "tests/excerpt.rs"]
mod tests;
