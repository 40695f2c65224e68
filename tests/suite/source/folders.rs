//! A folder of `src` is small enough to be taken in at a glance.

use super::tree::{below, entries, folders, src};

const MAX_ENTRIES: usize = 15;

/// Answers the folders with too many entries, of a list of folders and the entries that each has.
fn overfull(folders: &[(String, usize)]) -> Vec<String> {
    let overfull = folders.iter().filter(|(_, count)| *count > MAX_ENTRIES);
    overfull.map(|(folder, count)| format!("{folder} has {count} entries")).collect()
}

#[test]
fn folders_hold_at_most_fifteen_entries() {
    let counted: Vec<_> = folders().iter().map(|folder| (below(folder, &src()), entries(folder).len())).collect();
    let overfull = overfull(&counted);
    assert!(overfull.is_empty(), "{}", overfull.join("\n"));
}

#[test]
fn folder_with_a_sixteenth_entry_is_found() {
    let folders = [("log".to_owned(), 15), ("http".to_owned(), 16)];
    assert_eq!(overfull(&folders), ["http has 16 entries"]);
}
