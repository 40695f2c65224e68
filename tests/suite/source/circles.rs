//! No circle of imports between files, anywhere in `src`.
//!
//! The rule is strict. A name that is imported from a folder is an arrow to that folder's `mod.rs`, and `use` and
//! `pub use` in a `mod.rs` are arrows from it. So a file that imports from the `mod.rs` above it, which re-exports that
//! file, is in a circle with it. A declaration `mod x;` is no arrow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::imports::imported_paths;
use super::tokens::{tokens, without_tests};
use super::tree::{SourceFile, production_files};

/// A file is named by its module path: `["log", "writer"]`.
type ModulePath = Vec<String>;

/// The files, and the names that each imports from each other.
struct ImportGraph {
    /// From file to file: the names that are imported.
    arrows: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl ImportGraph {
    fn new(files: &[SourceFile]) -> Self {
        let modules: BTreeMap<_, _> = files.iter().map(|file| (module_path(&file.path), file.path.clone())).collect();
        let mut arrows: BTreeMap<_, BTreeMap<_, BTreeSet<_>>> = BTreeMap::new();
        for file in files {
            let own = arrows.entry(file.path.clone()).or_default();
            for path in imported_paths(&without_tests(&tokens(&file.text))) {
                if let Some((target, name)) = resolve(&module_path(&file.path), &path, &modules)
                    && target != file.path
                {
                    own.entry(target).or_default().insert(name);
                }
            }
        }
        Self { arrows }
    }

    /// Answers the files that `from` leads to, by one arrow or more.
    fn reachable(&self, from: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            for next in self.arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
                if reached.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        reached
    }

    /// Answers a description of each circle: its files, and the imports that tie them.
    fn circles(&self) -> Vec<String> {
        let reachable: BTreeMap<_, _> = self.arrows.keys().map(|file| (file.as_str(), self.reachable(file))).collect();
        let mut described = BTreeSet::new();
        let mut circles = Vec::new();
        for (file, reached) in &reachable {
            if !reached.contains(file) || described.contains(file) {
                continue;
            }
            let circle: BTreeSet<_> = reached.iter().copied().filter(|other| reachable[other].contains(file)).collect();
            circles.push(self.describe(&circle));
            described.extend(circle);
        }
        circles
    }

    fn describe(&self, circle: &BTreeSet<&str>) -> String {
        let mut text = format!("a circle of {} files:", circle.len());
        for from in circle {
            for (to, names) in self.arrows[*from].iter().filter(|(to, _)| circle.contains(to.as_str())) {
                let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                write!(text, "\n    {from} -> {to}: {names}").expect("a text takes all");
            }
        }
        text
    }
}

/// Answers the module path of a file. That of `main.rs` is a name that nobody can import.
fn module_path(path: &str) -> ModulePath {
    let stem = path.strip_suffix(".rs").expect("a Rust file");
    let mut parts: ModulePath = stem.split('/').map(str::to_owned).collect();
    match stem {
        "lib" => return Vec::new(),
        "main" => return vec!["(main)".into()],
        _ => {}
    }
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// Answers the file that `path` leads to, seen from the module `own`, and the name behind it.
fn resolve(own: &[String], path: &[String], modules: &BTreeMap<ModulePath, String>) -> Option<(String, String)> {
    let full = match path.first()?.as_str() {
        "crate" | "longwave" => path[1..].to_vec(),
        "self" => [own, &path[1..]].concat(),
        "super" => {
            let up = path.iter().take_while(|part| *part == "super").count();
            [&own[..own.len().checked_sub(up)?], &path[up..]].concat()
        }
        _ => {
            let child = [own, &path[..1]].concat();
            modules.get(&child)?;
            [own, path].concat()
        }
    };
    let length = (1..=full.len()).rev().find(|length| modules.contains_key(&full[..*length]))?;
    let name = full[length..].join("::");
    Some((modules[&full[..length]].clone(), if name.is_empty() { "the module".into() } else { name }))
}

#[test]
fn imports_between_files_form_no_circle() {
    let circles = ImportGraph::new(&production_files()).circles();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

/// Answers the circles of made-up files, each a path and a text.
fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<_> = files.iter().map(|(path, text)| SourceFile::new(path, text)).collect();
    ImportGraph::new(&files).circles()
}

#[test]
fn circle_is_found_with_the_names_that_tie_it() {
    let files = [
        ("log/writer.rs", "use super::batch::Batch; pub struct Writer;"),
        ("log/batch.rs", "use crate::log::append::{self, Append};"),
        ("log/append.rs", "fn f() { crate::log::writer::Writer::new(); }"),
        ("log/read.rs", "use super::writer::Writer;"),
        ("log/mod.rs", "mod writer; mod batch; mod append; mod read;"),
    ];
    let expected = "a circle of 3 files:
    log/append.rs -> log/writer.rs: Writer::new
    log/batch.rs -> log/append.rs: Append, self
    log/writer.rs -> log/batch.rs: Batch";
    assert_eq!(circles(&files), [expected]);
}

#[test]
fn two_circles_are_told_apart() {
    let files = [
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "use crate::a::A; use crate::c::C;"),
        ("c.rs", "use crate::d::D;"),
        ("d.rs", "use crate::c::C;"),
    ];
    let found = circles(&files);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found.iter().all(|circle| circle.starts_with("a circle of 2 files:")), "{found:#?}");
}

#[test]
fn straight_line_is_no_circle() {
    let files = [
        ("lib.rs", "pub mod a; pub mod log;"),
        ("a.rs", "use crate::log::Writer;"),
        ("log/mod.rs", "mod writer; mod batch; pub use writer::Writer;"),
        ("log/writer.rs", "//! [`crate::a`] calls this.\nuse super::batch::Batch;"),
        ("log/batch.rs", "use crate::log::cursor; #[cfg(test)] mod tests { use super::super::writer::Writer; }"),
        ("log/cursor.rs", "use std::fmt;"),
    ];
    assert_eq!(circles(&files), Vec::<String>::new());
}

#[test]
fn child_that_imports_from_the_facade_that_exports_it_is_a_circle() {
    let facade = ("log/mod.rs", "mod writer; pub use writer::Writer; pub struct Log;");
    for child in ["use super::Log;", "use crate::log::Log;", "use super::*;", "fn f(_: super::Log) {}"] {
        let found = circles(&[facade, ("log/writer.rs", child)]);
        assert_eq!(found.len(), 1, "{child}: {found:#?}");
        assert!(found[0].contains("log/mod.rs -> log/writer.rs: Writer"), "{found:#?}");
    }
}

#[test]
fn call_of_a_child_module_by_its_name_is_an_arrow() {
    let files = [("log/mod.rs", "mod writer; fn f() { writer::run(); }"), ("log/writer.rs", "use super::f;")];
    assert_eq!(circles(&files).len(), 1);
}
