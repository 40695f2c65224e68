use crate::store::database::connect::{Connection, connect};
use crate::store::database::error::StoreError;
use crate::telemetry::error_chain;
use ::deadpool::Runtime;
use diesel::ConnectionError;
use diesel_async::SimpleAsyncConnection;
use diesel_async::pooled_connection::deadpool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use futures_util::FutureExt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use tokio::time::error::Elapsed;

/// A connection on loan from the [`Pool`].
pub struct PooledConnection(deadpool::Object<Connection>);

impl PooledConnection {
    /// Takes in what came of a query within [`ANSWER`]. A connection whose query was given up is closed, and nobody gets
    /// it again: a server that is frozen says nothing, not even that it is gone.
    ///
    /// # Errors
    /// That of the query, or [`StoreError::Unreachable`].
    pub fn settle<T, E: Into<StoreError>>(self, answered: Result<Result<T, E>, Elapsed>) -> Result<T, StoreError> {
        match answered {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => {
                drop(deadpool::Object::take(self.0));
                Err(StoreError::Unreachable("no answer within 5 s".into()))
            }
        }
    }
}

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

/// How long a query may take that many wait for.
pub const ANSWER: Duration = Duration::from_secs(5);
/// How long a request waits for a connection: longer and its client has given up.
const WAIT: Duration = Duration::from_secs(5);

/// What a connection is set to. Queries with a probe for each of many conversations look expensive to the planner, the
/// more so the more partitions the log has; to compile them takes longer than to run them. A frozen node must not hold the
/// rows for long that those who hold the log's lock may want.
const SETTINGS: &str = "SET jit = off; SET idle_in_transaction_session_timeout = '5s'";

/// The connections of a node for everything but the log's own. Cheap to clone.
#[derive(Clone)]
pub struct Pool(deadpool::Pool<Connection>);

impl Pool {
    /// Makes a pool of at most `size` connections, which are opened when they are needed.
    ///
    /// # Panics
    /// Never: the pool's runtime is given.
    pub fn new(url: &str, size: usize) -> Self {
        let mut config = ManagerConfig::default();
        // A broken connection is known as such; asking each time would double the round trips.
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(|url| establish(url.to_owned()).boxed());
        let manager = AsyncDieselConnectionManager::new_with_config(url, config);
        let pool = deadpool::Pool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .runtime(Runtime::Tokio1)
            .build();
        Self(pool.expect("a pool with timeouts has a runtime"))
    }

    /// Lends a connection.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when there is none within 5 s.
    pub async fn get(&self) -> Result<PooledConnection, StoreError> {
        self.0.get().await.map(PooledConnection).map_err(|error| StoreError::Unreachable(Box::new(error)))
    }
}

async fn establish(url: String) -> Result<Connection, ConnectionError> {
    let (client, driver) = connect(&url).await.map_err(|error| ConnectionError::BadConnection(error_chain(&error)))?;
    let mut connection = Connection::try_from_client_and_connection(client, driver).await?;
    connection.batch_execute(SETTINGS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}
