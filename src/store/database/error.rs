use super::error_class::{ErrorClass, classify};
use crate::telemetry::error_chain;
use diesel::result::Error;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection could be had, or no answer came in time.
    #[error("cannot reach PostgreSQL")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// PostgreSQL cannot do it now: the connection broke, the query took too long, or the server is read-only or short of
    /// something. [`classify`] says which.
    #[error("PostgreSQL cannot answer now")]
    Unavailable(#[source] Error),
    /// PostgreSQL refused the query: a fault of ours.
    #[error("query failed")]
    Query(#[source] Error),
    /// The storage of attachments does not do what it is asked.
    #[error("the storage of attachments fails")]
    Files(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The bytes of an attachment are not where they were put.
    #[error("bytes of an attachment are missing, do all nodes have the same --attachments?")]
    BytesMissing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The schema could not be brought up or down.
    #[error("migration failed")]
    Migration(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Makes an error for another caller of the same query: a refused query stays one, and the text says why.
    pub fn for_another_caller(&self) -> Self {
        let text = error_chain(self);
        match self {
            Self::Query(_) => Self::Query(Error::QueryBuilderError(text.into())),
            _ => Self::Unreachable(text.into()),
        }
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match classify(&error) {
            ErrorClass::Data => Self::Query(error),
            ErrorClass::Lost
            | ErrorClass::ReadOnly
            | ErrorClass::Timeout
            | ErrorClass::LockNotAvailable
            | ErrorClass::Conflict
            | ErrorClass::Shortage => Self::Unavailable(error),
        }
    }
}
