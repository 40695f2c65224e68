use diesel::result::{DatabaseErrorKind, Error};

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection could be had.
    #[error("cannot reach PostgreSQL")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection broke, or the server turned read-only.
    #[error("lost PostgreSQL")]
    Lost(#[source] Error),
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

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            Error::DatabaseError(
                DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            )
            | Error::BrokenTransactionManager => Self::Lost(error),
            Error::DatabaseError(DatabaseErrorKind::Unknown, information)
                if information.message().starts_with("terminating connection") =>
            {
                Self::Lost(error)
            }
            _ => Self::Query(error),
        }
    }
}

/// Whether `error` is a violation of the constraint `name`.
pub fn violates(error: &Error, name: &str) -> bool {
    matches!(error, Error::DatabaseError(_, information) if information.constraint_name() == Some(name))
}
