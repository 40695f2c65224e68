//! A folder of `src` is small enough to be taken in at a glance.

const MAX_ENTRIES: usize = 15;

/// Answers the folders with too many entries, of a list of folders and the entries that each has.
fn overfull(folders: &[(String, usize)]) -> Vec<String> {
    let overfull = folders.iter().filter(|(_, count)| *count > MAX_ENTRIES);
    overfull.map(|(folder, count)| format!("{folder} has {count} entries")).collect()
}

#[test]
fn folder_with_a_sixteenth_entry_is_found() {
    let folders = [("log".to_owned(), 15), ("http".to_owned(), 16)];
    assert_eq!(overfull(&folders), ["http has 16 entries"]);
}
