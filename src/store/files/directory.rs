//! Objects that are files of one directory.

use super::error::storage_error;
use crate::ids::ObjectId;
use crate::store::database::error::StoreError;
use bytes::{Bytes, BytesMut};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Returns where to write an object. Creates the directory if it is missing, so that deployments without attachments need
/// none.
pub async fn place(directory: PathBuf, object: ObjectId) -> Result<(Arc<dyn ObjectStore>, Location), StoreError> {
    let making = tokio::task::spawn_blocking(move || {
        make(&directory, 0o700)?;
        Ok(LocalFileSystem::new_with_prefix(directory)?.with_fsync(true))
    });
    let store = making.await.map_err(storage_error)?.map_err(|error: io::Error| storage_error(error))?;
    Ok((Arc::new(store), Location::from(object.to_string())))
}

/// Creates a directory durably, so that it survives a power failure, and readable by the server's user alone.
fn make(directory: &Path, mode: u32) -> io::Result<()> {
    let Some(parent) = directory.parent().filter(|_| !directory.is_dir()) else { return Ok(()) };
    make(parent, 0o755)?;
    match DirBuilder::new().mode(mode).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => File::open(parent)?.sync_all(),
    }
}

/// Reads a part of an object. `object_store` could do this, but it allocates the memory on a thread of the blocking pool,
/// and each of hundreds of threads would keep some of it.
pub async fn read(directory: &Path, object: ObjectId, range: Range<u64>) -> Result<Bytes, StoreError> {
    let path = directory.join(object.to_string());
    let mut piece = BytesMut::zeroed((range.end - range.start) as usize);
    let reading = tokio::task::spawn_blocking(move || {
        let read = File::open(&path).and_then(|file| file.read_exact_at(&mut piece, range.start));
        read.map(|()| piece.freeze()).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::UnexpectedEof => {
                StoreError::BytesMissing(format!("{}: {error}", path.display()).into())
            }
            _ => storage_error(error),
        })
    });
    reading.await.map_err(storage_error)?
}

/// Removes an object, and the temporary file that a killed process may have left. `object_store` chooses the name of that
/// file; a test checks that it is still this one.
pub async fn remove(directory: &Path, object: ObjectId) -> Result<(), StoreError> {
    for name in [object.to_string(), format!("{object}#1")] {
        match tokio::fs::remove_file(directory.join(name)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(storage_error(error)),
            _ => {}
        }
    }
    Ok(())
}
