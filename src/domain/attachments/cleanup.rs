//! Removing objects that no attachment has any more: of uploads that were never sent, of deleted messages and of what
//! retention has dropped.

use crate::domain::error::Error;
use crate::domain::service::Domain;
use crate::ids::ObjectId;
use crate::log::epoch;
use crate::store::{attachments, orphaned_objects};
use crate::telemetry::error_chain;
use std::time::Duration;

/// How long an upload may wait for its message: who uploads in the evening may send in the morning.
const UNSENT_ATTACHMENT_TTL: Duration = Duration::from_secs(24 * 3_600);
/// How often each node looks, with as much again at random. It costs a few probes of indexes that are nearly empty.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(5);
/// Objects that are removed in one batch.
const CLEANUP_BATCH: i64 = 100;
/// How long other nodes leave a batch to the node that claimed it: longer than a working storage takes.
const CLEANUP_LEASE: Duration = Duration::from_secs(600);

impl Domain {
    /// Removes such objects until it is dropped. All nodes may do so: each claims other objects.
    pub async fn clean_up_attachments(&self) {
        loop {
            tokio::time::sleep(CLEANUP_INTERVAL + CLEANUP_INTERVAL.mul_f64(fastrand::f64())).await;
            if let Err(error) = self.sweep().await {
                tracing::warn!(error = error_chain(&error), "cannot remove attachments that nobody needs");
            }
        }
    }

    async fn sweep(&self) -> Result<(), Error> {
        let pool = self.pool();
        let oldest = pool.ask(async |connection| epoch::oldest_position(connection).await).await?;
        while pool.ask(async |connection| attachments::release_retired(connection, oldest, CLEANUP_BATCH).await).await?
            > 0
        {}
        while pool
            .ask(async |connection| attachments::release_unsent(connection, UNSENT_ATTACHMENT_TTL, CLEANUP_BATCH).await)
            .await?
            > 0
        {}
        loop {
            let objects = pool
                .ask(async |connection| orphaned_objects::claim(connection, CLEANUP_LEASE, CLEANUP_BATCH).await)
                .await?;
            if objects.is_empty() {
                return Ok(());
            }
            let removed = self.remove(&objects).await;
            pool.ask(async |connection| orphaned_objects::delete(connection, &removed).await).await?;
        }
    }

    /// Removes objects; answers those that are gone. The others are due again after the lease.
    async fn remove(&self, objects: &[ObjectId]) -> Vec<ObjectId> {
        let mut removed = Vec::with_capacity(objects.len());
        for object in objects {
            match self.0.files.remove(*object).await {
                Ok(()) => removed.push(*object),
                Err(error) => {
                    tracing::warn!(error = error_chain(&error), %object, "cannot remove an attachment's bytes")
                }
            }
        }
        removed
    }
}
