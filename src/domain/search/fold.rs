//! Case and form folding of texts before they are compared.
//!
//! NFKC and case folding, so that `MÜNCHEN` finds `münchen`, composed or not, `STRASSE` finds `Straße`, and half-width
//! letters find full-width ones. An umlaut stays one: neither `munchen` nor `muenchen` finds `münchen`, because in many
//! languages they are other letters, and other words.

use std::iter::once;
use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Folds a text.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    clusters(text).for_each(|(_, cluster)| fold_cluster(cluster, &mut folded));
    folded
}

/// The words of a text, folded.
pub fn words(text: &str) -> Vec<String> {
    fold(text).split_whitespace().map(str::to_owned).collect()
}

/// Folds a cluster of [`clusters`]. The result does not depend on the text around it, so that a part of a text folds as
/// it does within the text.
pub fn fold_cluster(cluster: &str, folded: &mut String) {
    if let [byte] = cluster.as_bytes() {
        folded.push(byte.to_ascii_lowercase() as char);
        return;
    }
    let cased = cluster.nfkc().filter(|character| !is_ignored(*character)).flat_map(char::to_uppercase);
    // Upper case first makes ß and ss equal, and the two small sigmas. The small letter of a dotted capital I would
    // keep a combining dot.
    let lower =
        cased.flat_map(|character| if character == 'İ' { 'i'.to_lowercase() } else { character.to_lowercase() });
    folded.extend(lower.nfkc());
}

/// Characters together with their combining marks, each with its byte offset.
pub fn clusters(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut starts = text.char_indices().filter(|(at, character)| *at == 0 || !joins(*character)).map(|(at, _)| at);
    let mut next = starts.next();
    std::iter::from_fn(move || {
        let start = next?;
        next = starts.next();
        Some((start, &text[start..next.unwrap_or(text.len())]))
    })
}

/// Whether a character may compose with the one before it.
fn joins(character: char) -> bool {
    // The first combining mark.
    if character < '\u{300}' {
        return false;
    }
    let joins =
        |character| canonical_combining_class(character) != 0 || is_nfc_quick(once(character)) == IsNormalized::Maybe;
    let mut first = None;
    decompose_compatible(character, |part| first = first.or(Some(part)));
    joins(character) || first.is_some_and(joins)
}

/// Invisible characters: soft hyphen, zero-width space, word joiner, byte order mark and variation selectors.
fn is_ignored(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}')
}

#[cfg(test)]
#[path = "tests/fold.rs"]
mod tests;
