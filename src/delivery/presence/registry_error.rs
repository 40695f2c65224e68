//! Why the registry of connections cannot go on for now.

use crate::store::StoreError;

/// Why a step of the registry failed. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// PostgreSQL answers, and this node has not published what it holds.
    #[error("this node lags behind the log")]
    Lagging,
    #[error(transparent)]
    Store(#[from] StoreError),
}
