//! A directory for attachments that a test can look into.

use std::path::PathBuf;

use uuid::Uuid;

use super::app::{Builder, SOON, TestApp};
use crate::support::eventually;

/// A directory for the attachments of one deployment, removed when it is dropped.
pub struct FileStore(PathBuf);

impl FileStore {
    /// Names a directory that is not there yet.
    pub fn new() -> Self {
        let own = std::env::temp_dir().join(format!("longwave-test-{}", std::process::id()));
        Self(own.join(format!("attachments of #1, 100%41 ü {}", Uuid::now_v7().simple())))
    }

    /// Describes a deployment that keeps its attachments here.
    pub fn of(&self, builder: Builder) -> Builder {
        builder.flag("--attachments", self.0.to_str().expect("a path of text"))
    }

    /// Starts a deployment of so many nodes with a directory for their attachments.
    pub async fn start(nodes: usize) -> (TestApp, Self) {
        let files = Self::new();
        (files.of(TestApp::builder().nodes(nodes)).start().await, files)
    }

    /// The files of uploads that have ended, and of those that have not.
    pub fn names(&self) -> (Vec<String>, Vec<String>) {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).partition(|name| !name.contains('#'))
    }

    /// Waits until there are so many files of uploads that have ended, and of those that have not.
    pub async fn wait_for(&self, ended: usize, under_way: usize) {
        let what = format!("there are {ended} files and {under_way} that are being written");
        eventually(&what, 3 * SOON, async || {
            let (whole, parts) = self.names();
            (whole.len() == ended && parts.len() == under_way).then_some(())
        })
        .await;
    }

    /// The directory.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
