use crate::store::{Pool, StoreError};
use diesel_async::SimpleAsyncConnection;
use std::time::Duration;

/// How often partitions are made. One that is full of events lasts longer than this at any rate that a primary takes.
const EXTEND_INTERVAL: Duration = Duration::from_secs(5);

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
    pool.get().await?.batch_execute("SET LOCAL statement_timeout = '10min'; SELECT log_extend()").await?;
    Ok(())
}
