use super::bucket::Bucket;
use super::directory;
use super::error::storage_error;
use super::object_writer::ObjectWriter;
use crate::config::AttachmentStorage;
use crate::ids::ObjectId;
use crate::store::database::error::StoreError;
use bytes::Bytes;
use std::ops::Range;
use std::path::PathBuf;

/// The storage of attachments' bytes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FileStorage(Backend);

#[derive(Clone, Debug)]
enum Backend {
    Directory(PathBuf),
    Bucket(Bucket),
}

/// How many bytes are written and read at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct TransferSizes {
    /// Bytes of one write. An upload holds two such parts in memory.
    part: usize,
    /// Bytes of one read. A download holds one such piece in memory, and its connection as much again.
    pub(super) piece: u64,
}

/// Each read and write runs on a thread of the blocking pool, and each read opens the file.
const DIRECTORY_SIZES: TransferSizes = TransferSizes { part: 256 * 1024, piece: 64 * 1024 };
/// S3 takes no smaller parts, except for the last one. Each read and write is a request.
const BUCKET_SIZES: TransferSizes = TransferSizes { part: 5 * 1024 * 1024, piece: 1024 * 1024 };

impl FileStorage {
    /// Opens a storage without sending a request. The usual `AWS_…` environment variables say how to reach a bucket.
    ///
    /// # Errors
    /// [`StoreError::Files`] if the settings are not usable.
    pub fn open(storage: &AttachmentStorage) -> Result<Self, StoreError> {
        Ok(Self(match storage {
            AttachmentStorage::Directory(directory) => {
                Backend::Directory(std::path::absolute(directory).map_err(storage_error)?)
            }
            AttachmentStorage::Bucket { name, prefix } => Backend::Bucket(Bucket::open(name, prefix)?),
        }))
    }

    /// Starts to write an object.
    ///
    /// # Errors
    /// [`StoreError::Files`].
    pub async fn write(&self, object: ObjectId) -> Result<ObjectWriter, StoreError> {
        let (store, path) = match &self.0 {
            Backend::Directory(directory) => directory::place(directory.clone(), object).await?,
            Backend::Bucket(bucket) => bucket.place(object),
        };
        Ok(ObjectWriter::begin(store, path, self.sizes().part))
    }

    /// Removes an object, if it is there, and what an interrupted upload of it left.
    ///
    /// # Errors
    /// [`StoreError::Files`].
    pub async fn remove(&self, object: ObjectId) -> Result<(), StoreError> {
        match &self.0 {
            Backend::Directory(directory) => directory::remove(directory, object).await,
            Backend::Bucket(bucket) => bucket.remove(object).await,
        }
    }

    pub(super) async fn read_at(&self, object: ObjectId, range: Range<u64>) -> Result<Bytes, StoreError> {
        match &self.0 {
            Backend::Directory(directory) => directory::read(directory, object, range).await,
            Backend::Bucket(bucket) => bucket.read(object, range).await,
        }
    }

    pub(super) fn sizes(&self) -> TransferSizes {
        match &self.0 {
            Backend::Directory(_) => DIRECTORY_SIZES,
            Backend::Bucket(_) => BUCKET_SIZES,
        }
    }
}
