//! The bytes of attachments: in a directory, or in a bucket of an S3-compatible storage. All nodes of a deployment need
//! the same one.
//!
//! Every upload writes an object of its own, once. An object is there whole and durably, or not at all: in a directory it
//! is written beside its place, flushed, and renamed; in a bucket it is put or completed. What an upload that broke off
//! may leave is noted before its first byte ([`discards`](super::discards)) and removed by that note.

mod bucket;
mod directory;
mod reading;
mod writing;

pub use reading::Pieces;
pub use writing::Writing;

use super::StoreError;
use crate::config::Storage;
use crate::ids::ObjectId;
use bucket::Bucket;
use bytes::Bytes;
use std::ops::Range;
use std::path::PathBuf;

/// Where the bytes are kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Files(Place);

#[derive(Clone, Debug)]
enum Place {
    Directory(PathBuf),
    Bucket(Bucket),
}

/// How much is written and read at once.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Bytes that are written at once. An upload holds two such parts in memory.
    part: usize,
    /// Bytes that are read at once. A download holds one such piece in memory, and the connection as much again.
    piece: u64,
}

/// Each time costs a change of threads, and a reading one to open the file.
const OF_FILES: Sizes = Sizes { part: 256 * 1024, piece: 64 * 1024 };
/// S3 takes no smaller parts, but the last; each time costs a request.
const OF_OBJECTS: Sizes = Sizes { part: 5 * 1024 * 1024, piece: 1024 * 1024 };

impl Files {
    /// Gets ready to use a storage; nothing is asked of it yet. How to reach a bucket is taken from the usual `AWS_…`
    /// variables of the environment.
    ///
    /// # Errors
    /// [`StoreError::Files`]: the settings make no sense.
    pub fn open(storage: &Storage) -> Result<Self, StoreError> {
        Ok(Self(match storage {
            Storage::Directory(directory) => Place::Directory(std::path::absolute(directory).map_err(failed)?),
            Storage::Bucket { name, prefix } => Place::Bucket(Bucket::open(name, prefix)?),
        }))
    }

    /// Begins to write an object.
    ///
    /// # Errors
    /// [`StoreError::Files`].
    pub async fn write(&self, object: ObjectId) -> Result<Writing, StoreError> {
        let (store, path) = match &self.0 {
            Place::Directory(directory) => directory::place(directory.clone(), object).await?,
            Place::Bucket(bucket) => bucket.place(object),
        };
        Ok(Writing::begin(store, path, self.sizes().part))
    }

    /// Removes an object, and what a broken upload of it left; it may be gone already.
    ///
    /// # Errors
    /// [`StoreError::Files`].
    pub async fn remove(&self, object: ObjectId) -> Result<(), StoreError> {
        match &self.0 {
            Place::Directory(directory) => directory::remove(directory, object).await,
            Place::Bucket(bucket) => bucket.remove(object).await,
        }
    }

    async fn read_at(&self, object: ObjectId, range: Range<u64>) -> Result<Bytes, StoreError> {
        match &self.0 {
            Place::Directory(directory) => directory::read(directory, object, range).await,
            Place::Bucket(bucket) => bucket.read(object, range).await,
        }
    }

    fn sizes(&self) -> Sizes {
        match &self.0 {
            Place::Directory(_) => OF_FILES,
            Place::Bucket(_) => OF_OBJECTS,
        }
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Files(Box::new(error))
}
