//! Objects as files of one directory.

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

/// Where an object is to be written. Makes the directory if need be: who sends no files needs none.
pub async fn place(directory: PathBuf, object: ObjectId) -> Result<(Arc<dyn ObjectStore>, Location), StoreError> {
    let making = tokio::task::spawn_blocking(move || {
        make(&directory, 0o700)?;
        Ok(LocalFileSystem::new_with_prefix(directory)?.with_fsync(true))
    });
    let store = making.await.map_err(storage_error)?.map_err(|error: io::Error| storage_error(error))?;
    Ok((Arc::new(store), Location::from(object.to_string())))
}

/// Makes a directory so that it outlives a power cut; attachments are for nobody but the server's user to look into.
fn make(directory: &Path, mode: u32) -> io::Result<()> {
    let Some(parent) = directory.parent().filter(|_| !directory.is_dir()) else { return Ok(()) };
    make(parent, 0o755)?;
    match DirBuilder::new().mode(mode).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => File::open(parent)?.sync_all(),
    }
}

/// Reads a part of an object. `object_store` would read it, too, into memory that a thread of the pool allocates: each of
/// hundreds of threads would then keep some.
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

/// Removes an object, and the file in which it was being written when the process died, whose name is `object_store`'s
/// choice: a test holds it to that.
pub async fn remove(directory: &Path, object: ObjectId) -> Result<(), StoreError> {
    for name in [object.to_string(), format!("{object}#1")] {
        match tokio::fs::remove_file(directory.join(name)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(storage_error(error)),
            _ => {}
        }
    }
    Ok(())
}
