use super::super::checksum::checksum;
use super::*;
use std::path::{Path, PathBuf};

/// Version and checksum of the functions. When a function is changed, its version is raised and both are recorded here.
const RECORDED_FUNCTIONS: (i32, &str) = (3, "e77f88a008c9b7db8f9ddaade37d6ec4b174ca6d1b665c8b74de3e53d56ee48d");

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")
}

fn names(directory: &Path, keep: impl Fn(&Path) -> bool) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path());
    let mut names: Vec<_> = entries
        .filter(|path| keep(path))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn migrations_of_the_directory_are_all_applied_in_order() {
    let found = names(&directory(), |path| path.join("up.sql").is_file());
    let listed: Vec<_> = CURRENT_SCHEMA.migrations.iter().map(|migration| migration.name.to_owned()).collect();
    assert_eq!(listed, found);
}

#[test]
fn functions_of_the_directory_are_all_applied() {
    let found = names(&directory().join("functions"), |path| path.is_file());
    let mut listed: Vec<_> = CURRENT_SCHEMA.functions.iter().map(|function| function.name.to_owned()).collect();
    listed.sort_unstable();
    assert_eq!(listed, found);
}

#[test]
fn function_file_replaces_its_function_only_and_comments_on_it() {
    for SqlFunction { name, text } in CURRENT_SCHEMA.functions {
        assert_eq!(text.matches("CREATE OR REPLACE FUNCTION").count(), 1, "{name}");
        assert!(text.contains(&format!("CREATE OR REPLACE FUNCTION {name}(")), "{name}");
        assert!(text.contains(&format!("\nCOMMENT ON FUNCTION {name}(")), "{name}");
        assert!(!text.contains("DROP "), "{name}");
    }
}

#[test]
fn function_that_takes_a_lock_states_the_lock_order() {
    for SqlFunction { name, text } in CURRENT_SCHEMA.functions {
        let takes_lock = text.contains("_lock(") || text.contains("FOR UPDATE") || text.contains("log_lock_key()");
        assert!(!takes_lock || text.contains("Lock order: "), "{name}");
    }
}

#[test]
fn functions_version_grows_with_every_change() {
    let texts: String = CURRENT_SCHEMA.functions.iter().map(|function| function.text).collect();
    let digits: String = checksum(&texts).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        (CURRENT_SCHEMA.functions_version, digits.as_str()),
        RECORDED_FUNCTIONS,
        "a function was changed: raise `functions_version`, and record both here"
    );
}
