use super::append::{self, AppendContext};
use super::error::AttemptError;
use crate::ids::{Epoch, Position};
use crate::store::sql::{only, sql};
use crate::store::{Connection, Driver, connect};
use crate::telemetry::error_chain;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection};
use futures_util::TryFutureExt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::AsyncMessage;
use tokio_postgres::error::{DbError, SqlState};
use tokio_util::task::AbortOnDropHandle;

/// What an append session is set to.
///
/// A frozen node must not hold the lock over everyone: three seconds. Every commit waits for its flush, whatever the
/// server's default. The plans that fit a log of 10^8 events are forced from the first one on, because a plan made for
/// empty tables would stay.
const APPEND_SESSION_SETTINGS: &str = "
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

/// Lets the server notice within 2 s that a client has given up, so that attempts that were abandoned do not pile up behind
/// the log's lock. By itself, because not all platforms know it.
const CLIENT_CHECK: &str = "SET client_connection_check_interval = '2s'";
/// How long a new connection may take until it answers queries.
const APPEND_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a process that starts waits for the log's lock.
pub const FIRST_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that appends, with what is known of its server.
pub struct AppendSession {
    pub connection: Connection,
    pub cluster: i64,
    pub unreplicated: UnreplicatedFlag,
    /// Without it, a connection that is given up would stay for as long as the network is silent.
    _driver: AbortOnDropHandle<()>,
}

/// Begins a new epoch, for a log that may have lost its tail in a way that PostgreSQL does not tell, such as a
/// restored snapshot of the disk.
///
/// # Errors
/// PostgreSQL cannot be reached, or refuses.
pub async fn new_epoch(url: &str) -> Result<Epoch, AttemptError> {
    let (mut session, head) = open(url, Position::ZERO, FIRST_TIMEOUT).await.map_err(AttemptError::Unavailable)?;
    let context = AppendContext { cluster: session.cluster, known: head };
    append::begin_epoch(&mut session.connection, context)
        .await
        .map_err(|error| AttemptError::Refused(error_chain(&error)))
}

/// Opens a connection; a new epoch begins where one is due. Answers the head as well. `known` is any position that was
/// seen committed; `lock_timeout` is how long others may hold the log's lock meanwhile.
pub async fn open(url: &str, known: Position, lock_timeout: Duration) -> Result<(AppendSession, Position), String> {
    let mut session = within(APPEND_CONNECT_TIMEOUT, connect_session(url)).await?;
    let context = AppendContext { cluster: session.cluster, known };
    let enter = append::enter(&mut session.connection, context);
    let head = within(lock_timeout, enter.map_err(|error| error_chain(&error))).await?;
    Ok((session, head))
}

async fn connect_session(url: &str) -> Result<AppendSession, String> {
    let (client, driver) = connect(url).await.map_err(|error| error_chain(&error))?;
    let unreplicated = UnreplicatedFlag::default();
    let driver = AbortOnDropHandle::new(tokio::spawn(drive(driver, unreplicated.clone())));
    let mut connection = Connection::try_from(client).await.map_err(|error| error_chain(&error))?;
    connection.batch_execute(APPEND_SESSION_SETTINGS).await.map_err(|error| error_chain(&error))?;
    if let Err(error) = connection.batch_execute(CLIENT_CHECK).await {
        tracing::debug!(%error, "this server does not notice clients that are gone while it works for them");
    }
    let query = sql::<BigInt>("SELECT system_identifier FROM pg_control_system()");
    let cluster: i64 = query.load(&mut connection).await.and_then(only).map_err(|error| error_chain(&error))?;
    Ok(AppendSession { connection, cluster, unreplicated, _driver: driver })
}

async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {limit:?}")),
    }
}

/// Raised by a warning that a commit is not replicated although it is answered. Once raised, it stays.
#[derive(Clone, Default)]
pub struct UnreplicatedFlag(Arc<AtomicBool>);

impl UnreplicatedFlag {
    fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn raised(&self) -> bool {
        AtomicBool::load(&self.0, Ordering::Acquire)
    }
}

/// Polls the connection to its end. A notice is seen before the answer that follows it.
async fn drive(mut driver: Driver, unreplicated: UnreplicatedFlag) {
    while let Some(Ok(message)) = poll_fn(|context| driver.poll_message(context)).await {
        if let AsyncMessage::Notice(notice) = message {
            tracing::warn!(code = notice.code().code(), message = notice.message(), "PostgreSQL warns");
            if is_of_replication(&notice) {
                unreplicated.raise();
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
