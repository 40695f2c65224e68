use super::append::{self, AppendContext};
use super::appender::Appender;
use super::batch::{AppendOutcome, AppendedBatch};
use super::change::ApplyOutcome;
use super::error::AttemptError;
use super::pending::PendingChange;
use super::session::{self, AppendSession};
use crate::ids::{Epoch, Position};
use crate::log::event::NewEvent;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::SimpleAsyncConnection;

/// The append connection, opened anew when it broke.
pub struct ReconnectingAppender {
    url: String,
    session: Option<AppendSession>,
    /// The highest position that was seen committed.
    known: Position,
}

impl ReconnectingAppender {
    /// Opens the first session, by which a new epoch begins where one is due.
    pub async fn open(url: &str) -> Result<Self, AttemptError> {
        let mut appender = Self { url: url.to_owned(), session: None, known: Position::ZERO };
        appender.session().await?;
        Ok(appender)
    }

    /// The open session, with what an append needs to know.
    async fn session(&mut self) -> Result<(&mut AppendSession, AppendContext), AttemptError> {
        if self.session.is_none() {
            let (session, head) = session::open(&self.url, self.known).await.map_err(AttemptError::Unavailable)?;
            self.known = head;
            self.session = Some(session);
        }
        match &mut self.session {
            Some(session) => {
                let context = AppendContext { cluster: session.cluster, known: self.known };
                Ok((session, context))
            }
            None => Err(AttemptError::Unavailable("no session".into())),
        }
    }

    /// Turns what came of an attempt into its result. A session whose state is not known is closed.
    async fn conclude<T>(&mut self, attempt: Result<T, Error>) -> Result<T, AttemptError> {
        let Some(session) = &mut self.session else {
            return Err(AttemptError::Unknown("no session".into()));
        };
        let error = match attempt {
            Ok(done) if !session.unreplicated.raised() => return Ok(done),
            Ok(_) => AttemptError::Unknown("the wait for the standby was cancelled".into()),
            Err(error) => error_of(session, error).await,
        };
        if !matches!(error, AttemptError::Refused(_)) {
            self.session = None;
        }
        Err(error)
    }
}

impl Appender for ReconnectingAppender {
    async fn append(&mut self, events: &[&NewEvent]) -> Result<AppendedBatch, AttemptError> {
        let (session, context) = self.session().await?;
        let attempt = append::append(&mut session.connection, context, events).await;
        let batch = self.conclude(attempt).await?;
        self.advance(batch.outcomes.iter().filter_map(|outcome| match outcome {
            AppendOutcome::Appended(position) => Some(*position),
            _ => None,
        }));
        Ok(batch)
    }

    async fn change(&mut self, change: &mut PendingChange) -> Result<(ApplyOutcome, Epoch), AttemptError> {
        let (session, context) = self.session().await?;
        let attempt = change.attempt(&mut session.connection, context).await;
        let (outcome, epoch) = self.conclude(attempt).await?;
        if let ApplyOutcome::Applied(events) = &outcome {
            self.advance(events.iter().map(|event| event.position));
        }
        Ok((outcome, epoch))
    }
}

impl ReconnectingAppender {
    fn advance(&mut self, positions: impl Iterator<Item = Position>) {
        self.known = positions.fold(self.known, Position::max);
    }
}

/// What an error says of the outcome: a server that goes on answering has rolled back; one that is gone may have
/// committed, whatever it said last.
async fn error_of(session: &mut AppendSession, error: Error) -> AttemptError {
    let alive = session.connection.batch_execute("ROLLBACK").await.is_ok();
    match error {
        _ if !alive || session.unreplicated.raised() => AttemptError::Unknown(error.to_string()),
        Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => AttemptError::Unavailable(error.to_string()),
        error if is_shortage(&error.to_string()) => AttemptError::Unavailable(error.to_string()),
        error => AttemptError::Refused(error.to_string()),
    }
}

/// Whether an error is the server's state and not the data's; its code does not reach us.
fn is_shortage(message: &str) -> bool {
    let signs = ["No space left on device", "out of memory", "canceling statement", "the database system is"];
    signs.iter().any(|sign| message.contains(sign))
}
