use super::error::WriteError;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of writes that may wait or be under way: 16 batches of the largest size.
const MAX_QUEUED_BYTES: usize = 64 * 1024 * 1024;

/// How much memory the writes of a node may take. Cheap to clone.
#[derive(Clone)]
pub struct QueueCapacity(Arc<Semaphore>);

/// What one write takes of it, until it is dropped.
pub struct QueueShare(#[expect(dead_code, reason = "dropping it gives the bytes back")] OwnedSemaphorePermit);

impl Default for QueueCapacity {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_QUEUED_BYTES)))
    }
}

impl QueueCapacity {
    /// Takes the bytes of a write.
    ///
    /// # Errors
    /// [`WriteError::Busy`]: so much is not free.
    pub fn reserve(&self, size_bytes: usize) -> Result<QueueShare, WriteError> {
        let permits = u32::try_from(size_bytes).map_err(|_| WriteError::Busy)?;
        self.0.clone().try_acquire_many_owned(permits).map(QueueShare).map_err(|_| WriteError::Busy)
    }
}
