//! The directory that everything is in, and that goes with the run.

use crate::servers::Home;
use anyhow::Context;
use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Pages that are written to see how fast the disk is.
const SYNCS: usize = 25;
/// Lines of each log that are shown when the run fails.
const LAST_LINES: usize = 8;

pub struct Scratch {
    dir: PathBuf,
    made: Cell<u32>,
}

impl Scratch {
    /// Makes a directory of this process's own.
    pub fn make_own() -> anyhow::Result<Self> {
        let dir = std::env::temp_dir().join(format!("longwave-limits-{}", std::process::id()));
        fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self { dir, made: Cell::new(0) })
    }

    /// Makes a new directory for somebody.
    pub fn make(&self, name: &str) -> anyhow::Result<PathBuf> {
        self.made.set(self.made.get() + 1);
        let dir = self.dir.join(format!("{}-{name}", self.made.get()));
        fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(dir)
    }

    /// Makes a data directory for a Longwave.
    pub fn home(&self) -> anyhow::Result<Home> {
        Ok(Home::new(self.make("longwave")?.join("data")))
    }

    /// How long it takes to get one page onto the disk, which is what no commit can do without.
    pub fn sync_time(&self) -> anyhow::Result<Duration> {
        let path = self.dir.join("page");
        let mut file = File::create(&path)?;
        let mut times = Vec::with_capacity(SYNCS);
        for _ in 0..SYNCS {
            file.write_all(&[1; 8_192])?;
            let begun = Instant::now();
            file.sync_data()?;
            times.push(begun.elapsed());
        }
        fs::remove_file(path)?;
        times.sort_unstable();
        Ok(times[SYNCS / 2])
    }

    /// What the servers said last.
    pub fn last_words(&self) -> String {
        let mut words = String::new();
        let dirs = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let files = dirs.flat_map(|dir| fs::read_dir(dir.path()).into_iter().flatten().flatten());
        for file in files.filter(|file| file.file_name().to_string_lossy().ends_with("log")) {
            let log = fs::read_to_string(file.path()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            if lines.is_empty() {
                continue;
            }
            let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
            words.push_str(&format!("\n{} ends with:\n{last}\n", file.path().display()));
        }
        words
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            eprintln!("cannot remove {}: {error}", self.dir.display());
        }
    }
}
