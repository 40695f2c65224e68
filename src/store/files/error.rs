use crate::store::database::error::StoreError;

/// Wraps an error of the storage.
pub(super) fn storage_error(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Files(Box::new(error))
}
