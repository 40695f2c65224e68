use crate::store::{Pool, StoreError};
use diesel_async::SimpleAsyncConnection;
use std::time::Duration;

/// How often partitions are made. One that is full of events lasts longer than this at any rate that a primary takes.
const EXTEND_INTERVAL: Duration = Duration::from_secs(5);
/// After how long a node gives up the connection by which it makes partitions. PostgreSQL ends the statement earlier, after
/// 10 minutes, unless the server or the network is silent.
const EXTEND_TIMEOUT: Duration = Duration::from_secs(660);

/// Makes partitions ahead of the head, for as long as the node runs.
pub async fn keep_extended(pool: Pool) {
    loop {
        if let Err(error) = extend(&pool).await {
            tracing::warn!(%error, "cannot make partitions ahead");
        }
        tokio::time::sleep(EXTEND_INTERVAL).await;
    }
}

async fn extend(pool: &Pool) -> Result<(), StoreError> {
    let extend = "SET LOCAL statement_timeout = '10min'; SELECT log_extend()";
    pool.ask_within(EXTEND_TIMEOUT, async |connection| connection.batch_execute(extend).await).await
}
