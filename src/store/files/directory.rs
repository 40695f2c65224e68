//! What a directory needs beside what it has in common with a bucket.

use crate::ids::ObjectId;
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Result};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Makes the directory if need be, for nobody but the server's user to look into, so that it outlives a power cut.
pub async fn make(directory: PathBuf) -> Result<()> {
    if tokio::fs::try_exists(&directory).await? {
        return Ok(());
    }
    tokio::task::spawn_blocking(move || make_at(&directory, 0o700)).await?
}

fn make_at(directory: &Path, mode: u32) -> Result<()> {
    let Some(parent) = directory.parent().filter(|_| !directory.is_dir()) else { return Ok(()) };
    make_at(parent, 0o755)?;
    match DirBuilder::new().mode(mode).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => File::open(parent)?.sync_all(),
    }
}

/// Removes the file in which an object was being written when the process died. Its name is `object_store`'s choice, to
/// which a test holds it.
pub async fn remove_leftover(directory: &Path, object: ObjectId) -> Result<()> {
    match tokio::fs::remove_file(directory.join(format!("{object}#1"))).await {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
