//! The connections of a node for everything but the log's own.

use super::connect::{Connection, DrivenConnection, open_connection};
use super::error::StoreError;
use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Object, Pool as ManagedPool, RecycleError, RecycleResult};
use diesel_async::SimpleAsyncConnection;
use diesel_async::pooled_connection::PoolableConnection;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// How long a query may take that many wait for. PostgreSQL ends it a tenth earlier.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request waits for a connection: longer and its client has given up.
const POOL_WAIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Some connections to one database, opened when they are needed. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    connections: ManagedPool<ConnectionManager>,
    query_timeout: Duration,
}

impl Pool {
    /// Makes a pool of at most `size` connections for queries that somebody waits for.
    pub fn new(url: &str, size: usize) -> Self {
        Self::with_query_timeout(url, size, QUERY_TIMEOUT)
    }

    /// Makes a pool of at most `size` connections for queries that may take as long as `query_timeout`: maintenance.
    ///
    /// # Panics
    /// Never: the pool's runtime is given.
    pub fn with_query_timeout(url: &str, size: usize, query_timeout: Duration) -> Self {
        let manager = ConnectionManager { url: url.to_owned(), settings: settings(query_timeout) };
        let connections = ManagedPool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(POOL_WAIT_TIMEOUT))
            .create_timeout(Some(POOL_WAIT_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .build();
        Self { connections: connections.expect("a pool with timeouts has a runtime"), query_timeout }
    }

    /// Lends a connection. PostgreSQL ends each statement on it that takes longer than the pool's queries may.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when there is none within 5 s.
    pub async fn get(&self) -> Result<PooledConnection, StoreError> {
        let lent = self.connections.get().await;
        lent.map(PooledConnection).map_err(|error| StoreError::Unreachable(Box::new(error)))
    }

    /// Runs a query on a connection of the pool, and gives up when the pool's queries may take no longer: a server that is
    /// frozen says nothing, not even that it is gone.
    ///
    /// # Errors
    /// That of the query, or [`StoreError::Unreachable`].
    ///
    /// # Cancel safety
    /// When it is given up or dropped, the connection is closed, and nobody gets it again; PostgreSQL notices within a
    /// second and ends the query.
    pub async fn ask<T, E: Into<StoreError>>(
        &self,
        query: impl AsyncFnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        self.ask_within(self.query_timeout, query).await
    }

    /// Runs several queries on a connection of the pool as [`Pool::ask`] does, and gives up after `limit`. PostgreSQL ends
    /// each of them that takes longer than the pool's queries may.
    ///
    /// # Errors
    /// That of the queries, or [`StoreError::Unreachable`].
    ///
    /// # Cancel safety
    /// As that of [`Pool::ask`].
    pub async fn ask_within<T, E: Into<StoreError>>(
        &self,
        limit: Duration,
        queries: impl AsyncFnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        let mut lent = UnansweredConnection(Some(self.get().await?));
        let Some(connection) = &mut lent.0 else { return Err(StoreError::Unreachable("no connection".into())) };
        let answered = tokio::time::timeout(limit, queries(connection)).await;
        let answer = answered.map_err(|_| StoreError::Unreachable("no answer in time".into()))?;
        // It goes back to the pool.
        drop(lent.0.take());
        answer.map_err(Into::into)
    }
}

/// A connection on loan from the [`Pool`].
pub struct PooledConnection(Object<ConnectionManager>);

impl Deref for PooledConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}

/// A connection whose query is under way; whoever drops it has given the query up, and it is closed.
struct UnansweredConnection(Option<PooledConnection>);

impl Drop for UnansweredConnection {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection.0));
        }
    }
}

struct ConnectionManager {
    url: String,
    settings: String,
}

impl Manager for ConnectionManager {
    type Type = DrivenConnection;
    type Error = StoreError;

    async fn create(&self) -> Result<DrivenConnection, StoreError> {
        let mut connection = open_connection(&self.url).await?;
        connection.batch_execute(&self.settings).await?;
        Ok(connection)
    }

    /// A broken connection is known as such; asking each time would double the round trips.
    async fn recycle(&self, connection: &mut DrivenConnection, _: &Metrics) -> RecycleResult<StoreError> {
        if connection.is_broken() {
            return Err(RecycleError::message("the connection is broken, or within a transaction"));
        }
        Ok(())
    }
}

/// What a connection is set to.
///
/// - Statements end before whoever waits for them gives up, so that nothing that was given up goes on in PostgreSQL.
/// - A query whose connection was closed ends within a second; not all systems that PostgreSQL runs on can tell.
/// - Queries with a probe for each of many conversations look expensive to the planner, the more so the more partitions the
///   log has; to compile them takes longer than to run them.
/// - A frozen node must not hold the rows for long that those who hold the log's lock may want.
fn settings(query_timeout: Duration) -> String {
    let statement_timeout_ms = query_timeout.as_millis() * 9 / 10;
    format!(
        "SET statement_timeout = {statement_timeout_ms};
         SET jit = off;
         SET idle_in_transaction_session_timeout = '5s';
         DO $$ BEGIN
             PERFORM set_config('client_connection_check_interval', '1s', false);
         EXCEPTION WHEN invalid_parameter_value THEN NULL;
         END $$"
    )
}
