//! The bytes of attachments: in a directory, or in a bucket of an S3-compatible storage. All nodes of a deployment need
//! the same one.
//!
//! Every upload writes an object of its own, once. An object is there whole and durably, or not at all: in a directory it
//! is written beside its place, flushed, and renamed; in a bucket it is put or completed. What an upload that broke off
//! may leave is noted before its first byte ([`discards`](super::discards)) and removed by that note.

mod directory;
mod reading;
mod writing;

pub use reading::Pieces;
pub use writing::Writing;

use super::StoreError;
use crate::config::Storage;
use crate::ids::ObjectId;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, ObjectStoreExt, RetryConfig};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How much is written and read at once.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Bytes that are written at once. An upload holds two such parts in memory.
    part: usize,
    /// Bytes that are read at once. A download holds one such piece in memory.
    piece: u64,
}

/// Each time costs a change of threads, and a reading one to open the file.
const OF_FILES: Sizes = Sizes { part: 256 * 1024, piece: 64 * 1024 };
/// S3 takes no smaller parts, but the last; each time costs a request.
const OF_OBJECTS: Sizes = Sizes { part: 5 * 1024 * 1024, piece: 1024 * 1024 };
/// How long one request to a bucket may take: a part of the largest size at 256 KiB/s.
const REQUEST: &str = "20 seconds";
/// How often, and how long in all, a request to a bucket is repeated: a client waits for it.
const RETRIES: usize = 3;
const RETRY_TIME: Duration = Duration::from_secs(30);

/// Where the bytes are kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Files {
    store: Arc<dyn ObjectStore>,
    /// What all objects are under.
    base: Path,
    sizes: Sizes,
    /// The directory, where it is one.
    directory: Option<PathBuf>,
}

impl Files {
    /// Gets ready to use a storage; nothing is asked of it yet. How to reach a bucket is taken from the usual `AWS_…`
    /// variables of the environment.
    ///
    /// # Errors
    /// [`StoreError::Files`]: the settings make no sense.
    pub fn open(storage: &Storage) -> Result<Self, StoreError> {
        match storage {
            Storage::Directory(directory) => {
                let directory = std::path::absolute(directory).map_err(failed)?;
                let base = Path::from_absolute_path(&directory).map_err(failed)?;
                let store = Arc::new(LocalFileSystem::new().with_fsync(true));
                Ok(Self { store, base, sizes: OF_FILES, directory: Some(directory) })
            }
            Storage::Bucket { name, prefix } => {
                let retry =
                    RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: RETRY_TIME };
                let store = AmazonS3Builder::from_env()
                    .with_bucket_name(name)
                    .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST)
                    // Whoever names an endpoint without TLS means it.
                    .with_allow_http(true)
                    .with_retry(retry)
                    .build()
                    .map_err(failed)?;
                let base = Path::parse(prefix).map_err(failed)?;
                Ok(Self { store: Arc::new(store), base, sizes: OF_OBJECTS, directory: None })
            }
        }
    }

    /// Begins to write an object.
    ///
    /// # Errors
    /// [`StoreError::Files`].
    pub async fn write(&self, object: ObjectId) -> Result<Writing, StoreError> {
        if let Some(directory) = self.directory.clone() {
            directory::make(directory).await.map_err(failed)?;
        }
        Ok(Writing::begin(self.store.clone(), self.path(object), self.sizes.part))
    }

    /// Removes an object, and what a broken upload of it left; it may be gone already.
    ///
    /// # Errors
    /// [`StoreError::Files`].
    pub async fn remove(&self, object: ObjectId) -> Result<(), StoreError> {
        if let Some(directory) = &self.directory {
            directory::remove_leftover(directory, object).await.map_err(failed)?;
        }
        match self.store.delete(&self.path(object)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    fn path(&self, object: ObjectId) -> Path {
        self.base.clone().join(object.to_string())
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Files(Box::new(error))
}
