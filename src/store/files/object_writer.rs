use super::error::storage_error;
use crate::store::database::error::StoreError;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// An object that is being written. If it is dropped unfinished, what is stored of it is removed in the background.
pub struct ObjectWriter(Option<BufWriter>);

impl ObjectWriter {
    /// Starts an object. At most two parts are in memory: one that is being filled, and one that is being stored.
    pub(super) fn begin(store: Arc<dyn ObjectStore>, path: Path, part: usize) -> Self {
        Self(Some(BufWriter::with_capacity(store, path, part).with_max_concurrency(1)))
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`StoreError::Files`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        match &mut self.0 {
            Some(writer) => writer.write_all(bytes).await.map_err(storage_error),
            None => Ok(()),
        }
    }

    /// Completes the object. It is stored durably when this returns.
    ///
    /// # Errors
    /// [`StoreError::Files`].
    pub async fn finish(mut self) -> Result<(), StoreError> {
        match self.0.take() {
            Some(mut writer) => writer.shutdown().await.map_err(storage_error),
            None => Ok(()),
        }
    }

    /// Removes what is stored of the unfinished object.
    ///
    /// # Errors
    /// [`StoreError::Files`].
    pub async fn abort(mut self) -> Result<(), StoreError> {
        match self.0.take() {
            Some(mut writer) => writer.abort().await.map_err(storage_error),
            None => Ok(()),
        }
    }
}
