/// Why a write was not appended, or is not known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    #[error("the id was used for another request")]
    Reused,
    #[error("the id is somebody else's")]
    Taken,
    #[error("the sender is not a member")]
    NotMember,
    #[error("too many writes wait")]
    Busy,
    /// It is not appended: another session holds a row that it needs.
    #[error("a row that the write needs is locked")]
    Locked,
    /// It may still be appended, or has been: only a repeat under the same id tells.
    #[error("the outcome is not known yet")]
    Unresolved,
    #[error("PostgreSQL refused the write")]
    Failed,
}

/// What ended an attempt on an open connection.
#[derive(Debug, thiserror::Error)]
pub enum AttemptFault {
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
    /// The code of the change panicked. Nothing was committed, and the connection is in an unknown state.
    #[error("the change panicked")]
    Panicked,
}

/// Why an attempt did not end in a commit.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// It may have been committed, or may still be.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// It was not, and will not be: PostgreSQL cannot write now.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It was not: another session holds a row that it needs. PostgreSQL can write otherwise.
    #[error("locked: {0}")]
    Locked(String),
    /// It was not, and another attempt would end the same.
    #[error("refused: {0}")]
    Refused(String),
}
