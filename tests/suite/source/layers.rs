//! Imports only go down, and two rooms on one floor do not import each other.

use std::collections::BTreeSet;

use super::imports::imported_paths;
use super::tokens::tokens;
use super::tree::source_files;

/// The floors from top to bottom. The way in is three floors of one room each.
const FLOORS: [&[&str]; 10] = [
    &["main"],
    &["cli"],
    &["app"],
    &["http"],
    &["domain", "delivery"],
    &["wire"],
    &["log"],
    &["store"],
    &["ids", "config", "telemetry", "shutdown"],
    &[],
];

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Answers the rooms that are named in `source`, by `crate::` or, in the binary, by `longwave::`.
fn named_rooms(source: &str) -> BTreeSet<String> {
    let paths = imported_paths(&tokens(source));
    let own = paths.into_iter().filter(|path| path[0] == "crate" || path[0] == "longwave");
    own.filter_map(|path| path.into_iter().nth(1)).collect()
}

/// Answers the imports of a file of `room` that do not go down.
fn faults(room: &str, source: &str) -> Vec<String> {
    let own = floor(room).unwrap_or_else(|| panic!("{room} is on no floor"));
    let upwards = |named: &String| named != room && floor(named).is_some_and(|floor| floor <= own);
    named_rooms(source).into_iter().filter(upwards).map(|named| format!("{room} imports {named}")).collect()
}

/// Answers the room of a file: the first folder, or the name of a file that stands in none.
fn room(path: &str) -> &str {
    let first = path.split('/').next().expect("a name");
    first.strip_suffix(".rs").unwrap_or(first)
}

#[test]
fn imports_only_go_down() {
    let files = source_files().into_iter().filter(|file| file.path != "lib.rs");
    let found = files.flat_map(|file| {
        let faults = faults(room(&file.path), &file.text);
        faults.into_iter().map(move |fault| format!("{}: {fault}", file.path)).collect::<Vec<_>>()
    });
    assert_eq!(found.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn import_that_goes_up_or_sideways_is_found() {
    assert_eq!(faults("log", "use crate::domain::Rules;"), ["log imports domain"]);
    assert_eq!(faults("domain", "fn f() { crate::delivery::wake(); }"), ["domain imports delivery"]);
    assert_eq!(
        faults("store", "use crate::{ids::Id, wire::{self, Message}, http};"),
        ["store imports http", "store imports wire"]
    );
    assert_eq!(faults("cli", "use longwave::app;\nuse longwave::main;"), ["cli imports main"]);
    assert_eq!(faults("ids", "use crate::config::Config;"), ["ids imports config"]);
}

#[test]
fn import_that_goes_down_is_no_fault() {
    assert!(faults("http", "use crate::{domain, delivery::hub, wire::{Message, http}, log, store, ids};").is_empty());
    assert!(
        faults("log", "// [`crate::http`] calls this.\nuse crate::log::Cursor;\nuse other_crate::http;").is_empty()
    );
}
