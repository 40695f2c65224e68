//! Where a Longwave keeps its data.

use std::path::{Path, PathBuf};

/// A data directory that outlives its servers.
pub struct Home {
    dir: PathBuf,
}

impl Home {
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub fn data_dir(&self) -> &Path {
        &self.dir
    }

    /// How others reach its PostgreSQL, while it runs.
    pub fn database_url(&self) -> String {
        format!("postgres://longwave@/longwave?host={}/socket", self.dir.display())
    }

    pub fn log(&self) -> PathBuf {
        self.dir.with_extension("log")
    }
}
