//! What the documents name exists: the files that they link to, the headings, the paths and the tests.

use std::path::{Path, PathBuf};

use super::markdown::document;

/// Folders whose Markdown files are documents. The empty name is the root.
const FOLDERS: [&str; 5] = ["", "benches", "docs", "migrations", "openapi"];
/// Folders of the repository that a path in a document begins with.
const ROOTS: [&str; 8] = [".ci", "benches", "docs", "migrations", "openapi", "src", "tests", "LICENSE"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Answers the paths of all documents, relative to the repository.
fn documents() -> Vec<String> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder").flatten() {
            let path = PathBuf::from(folder).join(entry.file_name());
            found.extend(path.to_str().filter(|name| name.ends_with(".md")).map(str::to_owned));
        }
    }
    found.sort();
    found
}

/// Answers the targets of the links of a document, but for addresses on the web.
fn link_targets(markdown: &str) -> Vec<&str> {
    let targets = markdown.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    targets.filter(|target| !target.contains("://")).collect()
}

/// Answers the fragment by which a heading is linked to.
fn fragment(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn has_heading(markdown: &str, wanted: &str) -> bool {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| line.trim_start_matches('#').trim()).any(|heading| fragment(heading) == wanted)
}

/// Answers the words in code spans, outside of fenced blocks.
fn code_words(markdown: &str) -> Vec<&str> {
    let prose = markdown.split("```").step_by(2);
    prose.flat_map(|text| text.split('`').skip(1).step_by(2)).flat_map(str::split_whitespace).collect()
}

/// Answers the words of code that are paths of this repository, with a test's name behind `::` if there is one.
fn named_paths(markdown: &str) -> Vec<&str> {
    let is_path = |word: &&str| {
        let first = word.split('/').next().unwrap_or_default();
        word.contains('/') && ROOTS.contains(&first) && !word.contains(['<', '*', '…', '{', '$'])
    };
    code_words(markdown).into_iter().filter(is_path).collect()
}

/// Answers what is wrong with a path, or with the test that it names.
fn fault(path: &str) -> Option<String> {
    let (file, name) = path.split_once("::").map_or((path, None), |(file, name)| (file, Some(name)));
    if !root().join(file).exists() {
        return Some(format!("{file} does not exist"));
    }
    let name = name?;
    let text = document(file);
    (!text.contains(&format!("fn {name}("))).then(|| format!("{file} has no test {name}"))
}

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    let mut faults = Vec::new();
    for name in documents() {
        let text = document(&name);
        for target in link_targets(&text) {
            let (file, heading) = target.split_once('#').map_or((target, None), |(file, rest)| (file, Some(rest)));
            let path = root().join(&name).parent().expect("a folder").join(file);
            let path = if file.is_empty() { root().join(&name) } else { path };
            if !path.exists() {
                faults.push(format!("{name}: {target} does not exist"));
            } else if let Some(heading) = heading
                && !has_heading(&std::fs::read_to_string(&path).expect("a document"), heading)
            {
                faults.push(format!("{name}: {target} has no such heading"));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn paths_and_tests_in_documents_exist() {
    let mut faults = Vec::new();
    for name in documents() {
        let text = document(&name);
        faults.extend(named_paths(&text).into_iter().filter_map(fault).map(|fault| format!("{name}: {fault}")));
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn missing_files_headings_and_tests_are_found() {
    let text =
        "[a](docs/none.md#b) `src/none.rs` `tests/main.rs::no_such_test` `GET /v1/me` `src/lib.rs`\n# A `b` c!\n";
    assert_eq!(link_targets(text), ["docs/none.md#b"]);
    assert!(has_heading(text, "a-b-c") && !has_heading(text, "a-c"));
    let faults: Vec<_> = named_paths(text).into_iter().filter_map(fault).collect();
    assert_eq!(faults, ["src/none.rs does not exist", "tests/main.rs has no test no_such_test"]);
}
