//! The files of `src`.

use std::path::{Path, PathBuf};

/// A source file.
pub struct SourceFile {
    /// Its path below `src`, such as `log/writer.rs`.
    pub path: String,
    pub text: String,
}

impl SourceFile {
    /// Makes up a file.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

/// Answers the files of `src`, those of tests included.
pub fn source_files() -> Vec<SourceFile> {
    let paths = folders().into_iter().flat_map(|folder| entries(&folder));
    let sources = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a source");
        SourceFile { path: below(&path, &src()), text }
    };
    sources.map(read).collect()
}

/// Answers the files of `src` without those of tests, which stand in folders named `tests`.
pub fn production_files() -> Vec<SourceFile> {
    source_files().into_iter().filter(|file| !file.path.split('/').any(|part| part == "tests")).collect()
}

/// Answers `src` and all folders in it.
pub fn folders() -> Vec<PathBuf> {
    let mut found = vec![src()];
    let mut at = 0;
    while at < found.len() {
        let inner = entries(&found[at]).into_iter().filter(|path| path.is_dir());
        found.extend(inner);
        at += 1;
    }
    found
}

/// Answers what stands in a folder, in order of names.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// Answers the folder `src`.
pub fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Answers the part of `path` below `folder`, with `/` between its names.
pub fn below(path: &Path, folder: &Path) -> String {
    let relative = path.strip_prefix(folder).expect("a path below the folder");
    relative.iter().map(|part| part.to_str().expect("text")).collect::<Vec<_>>().join("/")
}
