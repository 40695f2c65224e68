use super::append::{self, AppendContext};
use super::appended_batch::{AppendOutcome, AppendedBatch};
use super::appender::Appender;
use super::changes::change::ApplyOutcome;
use super::changes::pending::PendingChange;
use super::error::{AttemptError, AttemptFault};
use super::session::{self, AppendSession};
use crate::ids::{Epoch, Position};
use crate::log::event::NewEvent;
use crate::store::{ErrorClass, classify};
use diesel::result::Error;
use diesel_async::SimpleAsyncConnection;
use futures_util::TryFutureExt;
use std::time::Duration;
use tokio::time::error::Elapsed;

/// How long an attempt may take, and how long a new connection may wait for the log's lock. After that the connection is
/// given up: whatever stands between may be silent for ever. Callers wait for longer than this.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// To what it doubles while attempts time out, so that a server that is slow and alive gets them done.
const MAX_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(40);
/// How long a ROLLBACK may take, which does nothing but end a transaction that has failed.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(2);

/// The append connection, opened anew when it broke.
pub struct ReconnectingAppender {
    url: String,
    session: Option<AppendSession>,
    /// The highest position that was seen committed.
    known: Position,
    timeout: Duration,
}

impl ReconnectingAppender {
    /// Opens the first session, by which a new epoch begins where one is due.
    pub async fn open(url: &str) -> Result<Self, AttemptError> {
        let mut appender =
            Self { url: url.to_owned(), session: None, known: Position::ZERO, timeout: session::FIRST_TIMEOUT };
        appender.session().await?;
        appender.timeout = ATTEMPT_TIMEOUT;
        Ok(appender)
    }

    /// The open session, with what an append needs to know.
    async fn session(&mut self) -> Result<(&mut AppendSession, AppendContext), AttemptError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => {
                let opened = session::open(&self.url, self.known, self.timeout).await;
                let (session, head) = opened.map_err(AttemptError::Unavailable)?;
                self.known = head;
                session
            }
        };
        let context = AppendContext { cluster: session.cluster, known: self.known };
        Ok((self.session.insert(session), context))
    }

    /// Turns what came of an attempt into its result. A session whose state is not known is closed.
    async fn conclude<T>(&mut self, attempt: Result<Result<T, AttemptFault>, Elapsed>) -> Result<T, AttemptError> {
        let Some(mut session) = self.session.take() else {
            return Err(AttemptError::Unknown("no session".into()));
        };
        let result = match attempt {
            Ok(Ok(done)) if !session.unreplicated.raised() => Ok(done),
            Ok(Ok(_)) => Err(AttemptError::Unknown("the wait for the standby was cancelled".into())),
            Ok(Err(AttemptFault::Database(error))) => Err(error_of(&mut session, error).await),
            // What became of its last query is not known, but nothing is committed without COMMIT.
            Ok(Err(fault @ AttemptFault::Panicked)) => return Err(AttemptError::Refused(fault.to_string())),
            Err(_) => {
                let error = AttemptError::Unknown(format!("no answer within {:?}", self.timeout));
                self.timeout = (self.timeout * 2).min(MAX_ATTEMPT_TIMEOUT);
                return Err(error);
            }
        };
        if matches!(result, Ok(_) | Err(AttemptError::Refused(_) | AttemptError::Locked(_))) {
            self.session = Some(session);
            self.timeout = ATTEMPT_TIMEOUT;
        }
        result
    }

    fn advance(&mut self, positions: impl Iterator<Item = Position>) {
        self.known = positions.fold(self.known, Position::max);
    }
}

impl Appender for ReconnectingAppender {
    fn known(&self) -> Position {
        self.known
    }

    async fn append(&mut self, events: &[&NewEvent]) -> Result<AppendedBatch, AttemptError> {
        let timeout = self.timeout;
        let (session, context) = self.session().await?;
        let attempt = append::append(&mut session.connection, context, events).map_err(AttemptFault::from);
        let attempt = tokio::time::timeout(timeout, attempt).await;
        let batch = self.conclude(attempt).await?;
        self.advance(batch.outcomes.iter().filter_map(|outcome| match outcome {
            AppendOutcome::Appended(position) => Some(*position),
            _ => None,
        }));
        Ok(batch)
    }

    async fn change(&mut self, change: &mut PendingChange) -> Result<(ApplyOutcome, Epoch), AttemptError> {
        let timeout = self.timeout;
        let (session, context) = self.session().await?;
        let attempt = tokio::time::timeout(timeout, change.attempt(&mut session.connection, context)).await;
        let (outcome, epoch) = self.conclude(attempt).await?;
        if let ApplyOutcome::Applied(events) = &outcome {
            self.advance(events.iter().map(|event| event.position));
        }
        Ok((outcome, epoch))
    }
}

/// What an error says of the outcome: a server that goes on answering has rolled back; one that is gone may have
/// committed, whatever it said last.
async fn error_of(session: &mut AppendSession, error: Error) -> AttemptError {
    let rollback = tokio::time::timeout(ROLLBACK_TIMEOUT, session.connection.batch_execute("ROLLBACK")).await;
    let alive = matches!(rollback, Ok(Ok(())));
    let message = error.to_string();
    if !alive || session.unreplicated.raised() {
        return AttemptError::Unknown(message);
    }
    match classify(&error) {
        ErrorClass::LockNotAvailable => AttemptError::Locked(message),
        ErrorClass::Data => AttemptError::Refused(message),
        ErrorClass::Lost | ErrorClass::ReadOnly | ErrorClass::Timeout | ErrorClass::Conflict | ErrorClass::Shortage => {
            AttemptError::Unavailable(message)
        }
    }
}
