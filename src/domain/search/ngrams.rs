//! What the index holds of a message: hashes of the n-grams of its words, of its conversation and its sender, and
//! numbers of the blocks of positions that it lies in.
//!
//! A text that holds a word holds all n-grams of the word, so texts without one of them need not be read. Two n-grams
//! may share a hash: what the index finds is compared with the text itself.

use crate::ids::{ConversationId, Position, UserId};

/// From this character on, writing systems have so many characters that bigrams are selective enough. Below, trigrams
/// are indexed as well: most bigrams of Latin letters are in every longer message.
const FIRST_IDEOGRAPHIC: char = '\u{2e80}';
/// Sizes of the blocks of positions, as powers of two: the search goes through the newest block of the first size, then
/// that of the second, then all of the third. The SQL function `search_find` has the same numbers.
const BLOCK_SHIFTS: [u32; 3] = [12, 17, 22];

/// The n-grams of a folded text: its characters, and two or three that stand side by side in a word.
pub fn of_text(folded: &str) -> Vec<i32> {
    let mut grams = Vec::new();
    let mut characters = Vec::new();
    for word in folded.split_whitespace() {
        characters.clear();
        characters.extend(word.chars());
        for length in 1..=3 {
            grams.extend(characters.windows(length).filter(|piece| is_piece(piece)).map(gram));
        }
    }
    sorted(grams)
}

/// The n-grams that a text with all of these folded words must have: the longest of each word.
pub fn of_words(words: &[String]) -> Vec<i32> {
    let mut grams = Vec::new();
    for word in words {
        let characters: Vec<char> = word.chars().collect();
        let holds = |from: usize, length| characters.get(from..from + length).is_some_and(is_piece);
        for from in 0..characters.len() {
            let within_triple = holds(from, 3) || from.checked_sub(1).is_some_and(|before| holds(before, 3));
            if holds(from, 3) {
                grams.push(gram(&characters[from..from + 3]));
            } else if holds(from, 2) && !within_triple {
                grams.push(gram(&characters[from..from + 2]));
            }
        }
        if let [single] = characters[..] {
            grams.push(gram(&[single]));
        }
    }
    sorted(grams)
}

/// The hash of a conversation.
pub fn of_conversation(id: ConversationId) -> i32 {
    let (high, low) = id.0.as_u64_pair();
    mixed(high.rotate_left(1) ^ low)
}

/// The hash of a sender.
pub fn of_sender(id: UserId) -> i32 {
    let (high, low) = id.0.as_u64_pair();
    mixed(high.rotate_left(2) ^ low)
}

/// The numbers of the blocks that a position lies in. They are negative, and hashes are not.
pub fn of_position(position: Position) -> [i32; BLOCK_SHIFTS.len()] {
    let mut level = 0;
    BLOCK_SHIFTS.map(|shift| {
        let place = (level << 29) | (position.0 >> shift) & 0x1fff_ffff;
        level += 1;
        -1 - place as i32
    })
}

/// Sorts numbers, each once.
pub fn sorted(mut grams: Vec<i32>) -> Vec<i32> {
    grams.sort_unstable();
    grams.dedup();
    grams
}

fn is_piece(piece: &[char]) -> bool {
    piece.len() < 3 || piece.iter().all(|character| *character < FIRST_IDEOGRAPHIC)
}

fn gram(piece: &[char]) -> i32 {
    mixed(piece.iter().fold(0, |code, character| code << 21 | u64::from(*character)))
}

/// The finalizer of SplitMix64, in 31 bits. The index holds its results: a change of it needs a reindex.
fn mixed(code: u64) -> i32 {
    let code = (code ^ code >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let code = (code ^ code >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((code ^ code >> 31) >> 33) as i32
}

#[cfg(test)]
#[path = "tests/ngrams.rs"]
mod tests;
