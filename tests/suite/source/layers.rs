//! Imports only go down, and two rooms on one floor do not import each other.

use std::collections::BTreeSet;
use std::path::Path;

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
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut rooms = BTreeSet::new();
    for root in ["crate::", "longwave::"] {
        let starts = code.match_indices(root).map(|(at, _)| at);
        for at in starts.filter(|at| !code[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_')) {
            rooms.extend(first_names(&code[at + root.len()..]));
        }
    }
    rooms
}

/// Answers the first name of a path, or those of each branch of `{a::b, c}`.
fn first_names(path: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut names, mut depth) = (vec![name(group)], 1);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(name(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Answers the imports of a file of `room` that do not go down.
fn faults(room: &str, source: &str) -> Vec<String> {
    let own = floor(room).unwrap_or_else(|| panic!("{room} is on no floor"));
    let upwards = |named: &String| named != room && floor(named).is_some_and(|floor| floor <= own);
    named_rooms(source).into_iter().filter(upwards).map(|named| format!("{room} imports {named}")).collect()
}

fn visit(directory: &Path, room: Option<&str>, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).expect("a directory of sources").flatten() {
        let path = entry.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let room = room.unwrap_or(&stem);
        if path.is_dir() {
            visit(&path, Some(room), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && room != "lib" {
            let source = std::fs::read_to_string(&path).expect("a source");
            found.extend(faults(room, &source).into_iter().map(|fault| format!("{}: {fault}", path.display())));
        }
    }
}

#[test]
fn imports_only_go_down() {
    let mut found = Vec::new();
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), None, &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn an_import_that_goes_up_or_sideways_is_found() {
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
fn an_import_that_goes_down_is_none_of_these() {
    assert!(faults("http", "use crate::{domain, delivery::hub, wire::{Message, http}, log, store, ids};").is_empty());
    assert!(
        faults("log", "// [`crate::http`] calls this.\nuse crate::log::Cursor;\nuse other_crate::http;").is_empty()
    );
}
