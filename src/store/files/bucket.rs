use super::error::storage_error;
use crate::ids::ObjectId;
use crate::store::database::error::StoreError;
use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, Error, ObjectStore, ObjectStoreExt, RetryConfig};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// How long one request may take: a part of 5 MiB at 256 KiB/s.
const BUCKET_REQUEST_TIMEOUT: &str = "20 seconds";
/// How often a request is repeated.
const MAX_BUCKET_RETRIES: usize = 3;
/// For how long a request is repeated: a client waits for it.
const BUCKET_RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// A bucket of an S3-compatible storage.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    /// The path that all objects are below.
    base: Path,
}

impl Bucket {
    /// Prepares the client; sends no request.
    pub fn open(name: &str, prefix: &str) -> Result<Self, StoreError> {
        let backoff = BackoffConfig::default();
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(name)
            .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), BUCKET_REQUEST_TIMEOUT)
            // An endpoint without TLS is used only if it is configured so.
            .with_allow_http(true)
            .with_retry(RetryConfig { backoff, max_retries: MAX_BUCKET_RETRIES, retry_timeout: BUCKET_RETRY_TIMEOUT })
            .build()
            .map_err(storage_error)?;
        Ok(Self { store: Arc::new(store), base: Path::parse(prefix).map_err(storage_error)? })
    }

    /// Returns where to write an object.
    pub fn place(&self, object: ObjectId) -> (Arc<dyn ObjectStore>, Path) {
        (self.store.clone(), self.path(object))
    }

    /// Reads a part of an object.
    pub async fn read(&self, object: ObjectId, range: Range<u64>) -> Result<Bytes, StoreError> {
        let read = self.store.get_range(&self.path(object), range.clone()).await;
        let piece = read.map_err(|error| match error {
            Error::NotFound { .. } => StoreError::BytesMissing(Box::new(error)),
            _ => storage_error(error),
        })?;
        if piece.len() as u64 == range.end - range.start {
            return Ok(piece);
        }
        Err(StoreError::BytesMissing(format!("{object} ends before {}", range.end).into()))
    }

    /// Removes an object, if it is there.
    pub async fn remove(&self, object: ObjectId) -> Result<(), StoreError> {
        match self.store.delete(&self.path(object)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(storage_error(error)),
        }
    }

    fn path(&self, object: ObjectId) -> Path {
        self.base.clone().join(object.to_string())
    }
}
