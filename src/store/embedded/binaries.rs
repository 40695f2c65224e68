//! Finds the server binaries (`postgres` and `initdb`) on this machine.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::Signal;

use super::error::EmbeddedError;
use super::process;
use super::run_as::RunAs;

/// The oldest major version that works.
const OLDEST_MAJOR_VERSION: u32 = 15;

/// Where packages put each version in a directory of its own: parent, beginning of the name.
const VERSIONED_DIRECTORIES: [(&str, &str); 5] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql"),
    ("/usr/local/opt", "postgresql"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql"),
];

/// The binaries of one PostgreSQL version.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    /// Finds binaries that the user may run: in `pg_bin` alone if it is given, else on PATH and in
    /// the usual places; of the cluster's version if there is a cluster, else the first new enough.
    pub(super) fn find(
        pg_bin: Option<&Path>,
        cluster: Option<(&Path, u32)>,
        run_as: &RunAs,
    ) -> Result<Binaries, EmbeddedError> {
        let places = pg_bin.map_or_else(usual_places, |dir| vec![dir.to_owned()]);
        let mut unusable = Vec::new();
        let mut other_versions = Vec::new();
        for dir in places {
            match inspect(&dir, run_as) {
                Ok(found) if cluster.is_some_and(|(_, wanted)| found.major != wanted) => {
                    other_versions.push(format!("{} in {}", found.major, dir.display()));
                }
                Ok(found) if found.major < OLDEST_MAJOR_VERSION => {
                    unusable.push(format!("{}: is PostgreSQL {}", dir.display(), found.major));
                }
                Ok(found) => return Ok(found),
                Err(fault) => unusable.push(format!("{}: {fault}", dir.display())),
            }
        }
        Err(match cluster {
            Some((pgdata, wanted)) if !other_versions.is_empty() => {
                EmbeddedError::WrongVersion { pgdata: pgdata.to_owned(), wanted, found: other_versions.join(", ") }
            }
            _ if unusable.is_empty() => {
                EmbeddedError::NoBinaries { looked_at: "PATH, /usr/lib/postgresql and Homebrew's places".to_owned() }
            }
            _ => EmbeddedError::NoBinaries { looked_at: unusable.join(", ") },
        })
    }
}

/// Returns the directories that have a `postgres`, best first.
fn usual_places() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // A relative entry would run whatever lies in the directory that we happen to be in.
    let on_path = env::split_paths(&path).filter(|dir| dir.is_absolute());
    let versioned =
        VERSIONED_DIRECTORIES.iter().flat_map(|(parent, beginning)| versions_in(Path::new(parent), beginning));
    let mut places: Vec<PathBuf> = Vec::new();
    for dir in on_path.map(resolve).chain(versioned) {
        if dir.join("postgres").is_file() && !places.contains(&dir) {
            places.push(dir);
        }
    }
    places
}

/// Follows a `postgres` that is a link to where it lives, if `initdb` lives there as well.
fn resolve(dir: PathBuf) -> PathBuf {
    let home = fs::canonicalize(dir.join("postgres")).ok().and_then(|postgres| postgres.parent().map(Path::to_owned));
    match home {
        Some(home) if home.join("initdb").is_file() => home,
        _ => dir,
    }
}

/// Returns the `bin` directories below `parent/<beginning>*`, newest version first.
fn versions_in(parent: &Path, beginning: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(beginning)?.trim_start_matches('@');
            // "postgresql" itself, without a number, is Homebrew's link to its present default.
            let major = version.split('.').next()?.parse().unwrap_or(0);
            Some((major, entry.path().join("bin")))
        })
        .collect();
    found.sort_by_key(|(major, _): &(u32, _)| std::cmp::Reverse(*major));
    found.into_iter().map(|(_, dir)| dir).collect()
}

/// Looks at the binaries in a directory; the error says in words why they are of no use.
fn inspect(dir: &Path, run_as: &RunAs) -> Result<Binaries, String> {
    let [initdb, postgres] = ["initdb", "postgres"].map(|name| dir.join(name));
    for file in [&postgres, &initdb] {
        if !file.is_file() {
            let name = file.file_name().unwrap_or(OsStr::new("file")).display();
            return Err(format!("no {name} there"));
        }
    }
    let mut probe = process::command(&postgres, run_as, Signal::KILL);
    probe.arg("--version").current_dir("/").stdin(Stdio::null());
    let output = probe.output().map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => "its postgres may not be run by the user that runs PostgreSQL".to_owned(),
        _ => format!("its postgres does not run: {error}"),
    })?;
    let version = String::from_utf8_lossy(&output.stdout);
    let major = major(&version).ok_or_else(|| {
        let fault = String::from_utf8_lossy(&output.stderr);
        format!("its postgres tells no version: {}", fault.trim())
    })?;
    Ok(Binaries { initdb, postgres, major })
}

/// Reads the major version from `postgres (PostgreSQL) 15.13 (Debian …)` or `… 18beta1`.
fn major(version: &str) -> Option<u32> {
    let number = version.split("(PostgreSQL)").nth(1)?.trim_start();
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().ok()
}

#[cfg(test)]
#[path = "tests/binaries.rs"]
mod tests;
