use crate::log::{ApplyError, ChangeError, FunctionRejection, WriteError};
use crate::store::StoreError;
use crate::wire::{FieldError, ShapeError};

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the request carries no token")]
    TokenMissing,
    #[error("the token is not valid here")]
    TokenInvalid,
    #[error("the token has expired")]
    TokenExpired,
    #[error("the session was revoked, log in again")]
    SessionRevoked,
    #[error("name or password is wrong")]
    CredentialsWrong,
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("nobody can register here, ask whoever runs this server for an account")]
    RegistrationClosed,
    /// Does not exist, or may not be known of.
    #[error("there is no such thing, or you may not know of it")]
    NotFound,
    #[error("the name {0} is taken")]
    NameTaken(String),
    #[error("this idempotency key belongs to somebody else, take a fresh one")]
    KeyTaken,
    #[error("this idempotency key was used for another request, take a fresh one")]
    KeyReused,
    #[error("the stored cursor is ahead of this one, send \"rewind\": true to move it back")]
    CursorBehind,
    #[error("a direct conversation has its two members for ever")]
    DirectFixed,
    #[error("this is no cursor of a Longwave server")]
    CursorMalformed,
    #[error("this log does not have the history of the cursor, fetch state anew and go on from a fresh cursor")]
    CursorUnknown,
    #[error("events after the cursor are no longer kept, fetch state anew and go on from a fresh cursor")]
    CursorExpired,
    /// Values that are readable, but not acceptable.
    #[error("the request has values that are not acceptable")]
    Invalid(Vec<FieldError>),
    /// Fields or parameters that cannot be read.
    #[error("the request has fields or parameters that cannot be read")]
    Malformed(Vec<FieldError>),
    #[error("too many requests wait here, try again")]
    Busy,
    #[error("the outcome is not known yet, try again with the same idempotency key")]
    Unresolved,
    #[error("there is too much to count, take fewer days")]
    TooMany,
    #[error("the log refused the write")]
    WriteFailed,
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Shape(#[from] ShapeError),
}

/// One field that is not acceptable.
pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Error {
    Error::Invalid(vec![FieldError { field: field.into(), detail: detail.into() }])
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Reused => Self::KeyReused,
            WriteError::Taken => Self::KeyTaken,
            WriteError::NotMember => Self::NotFound,
            WriteError::Busy | WriteError::Locked => Self::Busy,
            WriteError::Unresolved => Self::Unresolved,
            WriteError::Failed => Self::WriteFailed,
        }
    }
}

impl From<ChangeError<Error>> for Error {
    fn from(error: ChangeError<Error>) -> Self {
        match error {
            ChangeError::Rejected(rejection) => rejection,
            ChangeError::Write(error) => error.into(),
        }
    }
}

/// A rejection that all changes have in common. The others are for the callers, who know the function.
impl From<FunctionRejection> for Error {
    fn from(rejection: FunctionRejection) -> Self {
        if rejection.reason == "not_found" {
            return Self::NotFound;
        }
        tracing::error!(
            reason = rejection.reason,
            "a SQL function rejected a change for a reason that is not known here"
        );
        Self::WriteFailed
    }
}

/// What PostgreSQL says under the log's lock is for the writer to judge; all else is for the caller.
impl From<Error> for ApplyError<Error> {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(StoreError::Query(error) | StoreError::Unavailable(error)) => Self::Database(error),
            rejection => Self::Rejected(rejection),
        }
    }
}
