//! Removing bytes that nobody needs.

use crate::domain::{Domain, Error};
use crate::ids::ObjectId;
use crate::log::epoch;
use crate::store::{attachments, orphaned_objects};
use crate::telemetry::chain;
use std::time::Duration;

/// How long an upload may wait for its message: somebody who writes it in the evening may send it in the morning.
const UNSENT: Duration = Duration::from_secs(24 * 3_600);
/// How often to look, on each node, with as much again at random. It is a few probes of indexes that are nearly empty.
const EVERY: Duration = Duration::from_secs(5);
/// Objects that are removed at once.
const BATCH: i64 = 100;
/// How long other nodes leave a batch to the one that took it: longer than a storage that answers takes.
const LEASE: Duration = Duration::from_secs(600);

impl Domain {
    /// Removes bytes that nobody needs, for ever. All nodes may do so: each object is one node's.
    pub async fn sweep_attachments(&self) {
        loop {
            tokio::time::sleep(EVERY + EVERY.mul_f64(fastrand::f64())).await;
            if let Err(error) = self.sweep().await {
                tracing::warn!(error = chain(&error), "cannot remove attachments that nobody needs");
            }
        }
    }

    async fn sweep(&self) -> Result<(), Error> {
        let oldest = epoch::oldest_position(&mut *self.connection().await?).await?;
        while attachments::release_retired(&mut *self.connection().await?, oldest, BATCH).await? > 0 {}
        while attachments::release_unsent(&mut *self.connection().await?, UNSENT, BATCH).await? > 0 {}
        loop {
            let objects = orphaned_objects::claim(&mut *self.connection().await?, LEASE, BATCH).await?;
            if objects.is_empty() {
                return Ok(());
            }
            let removed = self.remove(&objects).await;
            orphaned_objects::delete(&mut *self.connection().await?, &removed).await?;
        }
    }

    /// Removes objects; answers those that are gone. The others are due again after the lease.
    async fn remove(&self, objects: &[ObjectId]) -> Vec<ObjectId> {
        let mut removed = Vec::with_capacity(objects.len());
        for object in objects {
            match self.0.files.remove(*object).await {
                Ok(()) => removed.push(*object),
                Err(error) => tracing::warn!(error = chain(&error), %object, "cannot remove an attachment's bytes"),
            }
        }
        removed
    }
}
