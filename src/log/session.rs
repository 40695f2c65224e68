use super::append::{self, Place};
use super::batch::Batch;
use super::change::{Pending, Settled};
use super::event::NewEvent;
use super::writer::{Failure, Step};
use crate::ids::{Epoch, Position};
use crate::store::sql::{only, sql};
use crate::store::{Connection, Driver, connect};
use crate::telemetry::chain;
use diesel::result::Error;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::AsyncMessage;
use tokio_postgres::error::{DbError, SqlState};

/// What an append session is set to.
///
/// A frozen node must not hold the lock over everyone: three seconds. Every commit waits for its flush, whatever the
/// server's default. The plans that fit a log of 10^8 events are forced from the first one on, because a plan made for
/// empty tables would stay.
const SETTINGS: &str = "
    SET application_name = 'longwave log';
    SET default_transaction_isolation = 'read committed';
    SET idle_in_transaction_session_timeout = '3s';
    SET statement_timeout = 0;
    SET lock_timeout = 0;
    SET jit = off;
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');
";

/// The append connection, opened anew when it broke.
pub struct Reconnecting {
    url: String,
    session: Option<Session>,
    /// The highest position that was seen committed.
    known: Position,
}

struct Session {
    connection: Connection,
    cluster: i64,
    doubt: Doubt,
}

impl Reconnecting {
    /// Opens the first session, by which a new epoch begins where one is due.
    pub async fn open(url: &str) -> Result<Self, Failure> {
        let mut step = Self { url: url.to_owned(), session: None, known: Position::ZERO };
        step.session().await?;
        Ok(step)
    }

    /// The open session, with what an append needs to know.
    async fn session(&mut self) -> Result<(&mut Session, Place), Failure> {
        if self.session.is_none() {
            let (session, head) = open(&self.url, self.known).await.map_err(Failure::Unavailable)?;
            self.known = head;
            self.session = Some(session);
        }
        match &mut self.session {
            Some(session) => {
                let place = Place { cluster: session.cluster, known: self.known };
                Ok((session, place))
            }
            None => Err(Failure::Unavailable("no session".into())),
        }
    }

    /// Judges an attempt. Every session whose state is in doubt is closed.
    async fn judge<T>(&mut self, attempt: Result<T, Error>) -> Result<T, Failure> {
        let Some(session) = &mut self.session else {
            return Err(Failure::Unknown("no session".into()));
        };
        let failure = match attempt {
            Ok(done) if !session.doubt.raised() => return Ok(done),
            Ok(_) => Failure::Unknown("the wait for the standby was cancelled".into()),
            Err(error) => failure_of(session, error).await,
        };
        if !matches!(failure, Failure::Refused(_)) {
            self.session = None;
        }
        Err(failure)
    }
}

impl Step for Reconnecting {
    async fn append(&mut self, events: &[&NewEvent]) -> Result<Batch, Failure> {
        let (session, place) = self.session().await?;
        let attempt = append::append(&mut session.connection, place, events).await;
        let batch = self.judge(attempt).await?;
        self.know(batch.outcomes.iter().filter_map(|outcome| match outcome {
            super::batch::Outcome::Appended(position) => Some(*position),
            _ => None,
        }));
        Ok(batch)
    }

    async fn change(&mut self, change: &mut dyn Pending) -> Result<(Settled, Epoch), Failure> {
        let (session, place) = self.session().await?;
        let attempt = append::apply(&mut session.connection, place, change).await;
        let (settled, epoch) = self.judge(attempt).await?;
        if let Settled::Now(events) = &settled {
            self.know(events.iter().map(|event| event.position));
        }
        Ok((settled, epoch))
    }
}

impl Reconnecting {
    fn know(&mut self, positions: impl Iterator<Item = Position>) {
        self.known = positions.fold(self.known, Position::max);
    }
}

/// What an error says of the outcome: a server that goes on answering has rolled back; one that is gone may have
/// committed, whatever it said last.
async fn failure_of(session: &mut Session, error: Error) -> Failure {
    let alive = session.connection.batch_execute("ROLLBACK").await.is_ok();
    match error {
        _ if !alive || session.doubt.raised() => Failure::Unknown(error.to_string()),
        Error::DatabaseError(diesel::result::DatabaseErrorKind::ReadOnlyTransaction, _) => {
            Failure::Unavailable(error.to_string())
        }
        error if is_shortage(&error.to_string()) => Failure::Unavailable(error.to_string()),
        error => Failure::Refused(error.to_string()),
    }
}

/// Whether an error is the server's state and not the data's; its code does not reach us.
fn is_shortage(message: &str) -> bool {
    let signs = ["No space left on device", "out of memory", "canceling statement", "the database system is"];
    signs.iter().any(|sign| message.contains(sign))
}

/// Begins a new epoch, for a log that may have lost its tail in a way that PostgreSQL does not tell, such as a
/// restored snapshot of the disk.
///
/// # Errors
/// PostgreSQL cannot be reached, or refuses.
pub async fn new_epoch(url: &str) -> Result<Epoch, Failure> {
    let (mut session, head) = open(url, Position::ZERO).await.map_err(Failure::Unavailable)?;
    let place = Place { cluster: session.cluster, known: head };
    append::begin_epoch(&mut session.connection, place).await.map_err(|error| Failure::Refused(chain(&error)))
}

async fn open(url: &str, known: Position) -> Result<(Session, Position), String> {
    let (client, driver) = connect(url).await.map_err(|error| chain(&error))?;
    let doubt = Doubt::default();
    tokio::spawn(drive(driver, doubt.clone()));
    let mut connection = Connection::try_from(client).await.map_err(|error| chain(&error))?;
    connection.batch_execute(SETTINGS).await.map_err(|error| chain(&error))?;
    let query = sql::<BigInt>("SELECT system_identifier FROM pg_control_system()");
    let cluster: i64 = query.load(&mut connection).await.and_then(only).map_err(|error| chain(&error))?;
    let place = Place { cluster, known };
    let head = append::enter(&mut connection, place).await.map_err(|error| chain(&error))?;
    Ok((Session { connection, cluster, doubt }, head))
}

/// Raised by a warning that a commit is not replicated although it is answered. Once raised, it stays.
#[derive(Clone, Default)]
struct Doubt(Arc<AtomicBool>);

impl Doubt {
    fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn raised(&self) -> bool {
        AtomicBool::load(&self.0, Ordering::Acquire)
    }
}

/// Polls the connection to its end. A notice is seen before the answer that follows it.
async fn drive(mut driver: Driver, doubt: Doubt) {
    while let Some(Ok(message)) = poll_fn(|context| driver.poll_message(context)).await {
        if let AsyncMessage::Notice(notice) = message {
            tracing::warn!(code = notice.code().code(), message = notice.message(), "PostgreSQL warns");
            if is_of_replication(&notice) {
                doubt.raise();
            }
        }
    }
}

/// Whether a warning says that a commit is not replicated: "canceling wait for synchronous replication" and its kin.
/// The text may be in any language; the file that it comes from is not. Other warnings have the same code.
fn is_of_replication(notice: &DbError) -> bool {
    let code = [SqlState::WARNING, SqlState::ADMIN_SHUTDOWN].contains(notice.code());
    code && notice.file().is_none_or(|file| file.ends_with("syncrep.c"))
}
