//! What a directory needs beside what it has in common with a bucket.

use crate::ids::ObjectId;
use bytes::{Bytes, BytesMut};
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Result};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt};
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

/// Reads a part of an object. `object_store` would read it, too, into memory that a thread of the pool allocates: each of
/// hundreds of threads would then keep some.
pub async fn read(directory: &Path, object: ObjectId, range: Range<u64>) -> Result<Bytes> {
    let path = directory.join(object.to_string());
    let mut piece = BytesMut::zeroed((range.end - range.start) as usize);
    let reading = tokio::task::spawn_blocking(move || {
        File::open(path)?.read_exact_at(&mut piece, range.start)?;
        Ok(piece.freeze())
    });
    reading.await?
}

/// Removes the file in which an object was being written when the process died. Its name is `object_store`'s choice, to
/// which a test holds it.
pub async fn remove_leftover(directory: &Path, object: ObjectId) -> Result<()> {
    match tokio::fs::remove_file(directory.join(format!("{object}#1"))).await {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
