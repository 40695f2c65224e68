//! What an error of PostgreSQL means, by its SQLSTATE and never by its words: those are in the language of the server.

use diesel::result::{DatabaseErrorKind, Error};

/// What an error of a query means to who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The connection is gone, or the server ends it: it starts, stops, or was told to drop it. What was committed is unknown.
    Lost,
    /// The server does not write: it is a standby, or was made one.
    ReadOnly,
    /// The statement took too long, or was cancelled.
    Timeout,
    /// A lock was not to be had in time.
    LockNotAvailable,
    /// Other transactions were in the way: a deadlock, or a serialization failure. Repeating may help.
    Conflict,
    /// The server is out of disk, memory or connections, or cannot read or write its files.
    Shortage,
    /// The query or its data is at fault: it will fail again.
    Data,
}

/// Judges an error.
pub fn classify(error: &Error) -> ErrorClass {
    match error {
        Error::BrokenTransactionManager => ErrorClass::Lost,
        Error::RollbackErrorOnCommit { commit_error, .. } => classify(commit_error),
        Error::DatabaseError(kind, _) => match (sqlstate(error), kind) {
            (Some(code), _) => of_code(code),
            (None, DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection) => ErrorClass::Lost,
            (None, DatabaseErrorKind::ReadOnlyTransaction) => ErrorClass::ReadOnly,
            (None, DatabaseErrorKind::SerializationFailure) => ErrorClass::Conflict,
            (None, _) => ErrorClass::Data,
        },
        _ => ErrorClass::Data,
    }
}

/// The SQLSTATE of an error, which stands in front of its message
/// ([`sqlstate_stream`](super::stream::sqlstate_stream)). None if the server did not say it.
pub fn sqlstate(error: &Error) -> Option<&str> {
    let Error::DatabaseError(_, information) = error else { return None };
    let (code, _) = information.message().split_once(": ")?;
    let is_code = code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_code.then_some(code)
}

/// Whether an error is a violation of the constraint `name`.
pub fn violates(error: &Error, name: &str) -> bool {
    matches!(error, Error::DatabaseError(_, information) if information.constraint_name() == Some(name))
}

/// PostgreSQL's manual, appendix A, lists the codes; the first two characters are a class.
fn of_code(code: &str) -> ErrorClass {
    match code {
        "25006" => ErrorClass::ReadOnly,
        "57014" => ErrorClass::Timeout,
        "55P03" => ErrorClass::LockNotAvailable,
        "40001" | "40P01" => ErrorClass::Conflict,
        // Ended by an administrator, by a crash of another session, by a timeout of idleness, or not begun yet.
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03" => ErrorClass::Lost,
        _ if code.starts_with("08") => ErrorClass::Lost,
        _ if code.starts_with("53") || code.starts_with("58") => ErrorClass::Shortage,
        _ => ErrorClass::Data,
    }
}
