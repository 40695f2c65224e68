//! The name of a type and of a constant is unique in `src`, so that it says what is meant without its path.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{tokens, without_tests};
use super::tree::{SourceFile, production_files};

const TYPE_KEYWORDS: [&str; 5] = ["struct", "enum", "trait", "type", "union"];
const CONSTANT_KEYWORDS: [&str; 2] = ["const", "static"];

/// Answers the names that the top level of a source defines behind one of `keywords`. Behind a `<` or a comma the keyword
/// is that of a constant parameter.
fn defined_names(source: &str, keywords: &[&str]) -> BTreeSet<String> {
    let all = tokens(source);
    let (mut names, mut depth, mut before) = (BTreeSet::new(), 0, "");
    for pair in without_tests(&all).windows(2) {
        match pair[0] {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            keyword if depth == 0 && keywords.contains(&keyword) && before != "<" && before != "," => {
                names.extend(pair[1].starts_with(char::is_uppercase).then(|| pair[1].to_owned()));
            }
            _ => {}
        }
        before = pair[0];
    }
    names
}

/// Answers each name that more than one file defines, with the files.
fn repeated_names(files: &[SourceFile], keywords: &[&str]) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for file in files {
        for name in defined_names(&file.text, keywords) {
            places.entry(name).or_default().push(&file.path);
        }
    }
    let repeated = places.into_iter().filter(|(_, files)| files.len() > 1);
    repeated.map(|(name, files)| format!("{name}: {}", files.join(", "))).collect()
}

#[test]
fn names_of_types_and_constants_stand_once() {
    let files = production_files();
    let repeated = [repeated_names(&files, &TYPE_KEYWORDS), repeated_names(&files, &CONSTANT_KEYWORDS)].concat();
    assert!(repeated.is_empty(), "{}", repeated.join("\n"));
}

#[test]
fn names_that_two_files_define_are_found() {
    let files = [
        SourceFile::new("a.rs", "pub struct Page(u8); enum Alone {} const MAX: u8 = 1; const fn f() {}"),
        SourceFile::new("b.rs", "pub(crate) type Page = u8; static MAX: u8 = 2; pub trait Other { type Alone; }"),
    ];
    assert_eq!(repeated_names(&files, &TYPE_KEYWORDS), ["Page: a.rs, b.rs"]);
    assert_eq!(repeated_names(&files, &CONSTANT_KEYWORDS), ["MAX: a.rs, b.rs"]);
}

#[test]
fn names_inside_of_blocks_and_tests_may_stand_twice() {
    let files = ["a.rs", "b.rs"].map(|path| {
        let text = "impl Iterator for X { type Item = u8; const MAX: u8 = 1; } fn f<const N: usize>() { struct Only; }
            #[cfg(test)] mod tests { struct Fake; const MAX: u8 = 1; }";
        SourceFile::new(path, text)
    });
    assert!(repeated_names(&files, &TYPE_KEYWORDS).is_empty());
    assert!(repeated_names(&files, &CONSTANT_KEYWORDS).is_empty());
}
