//! Where clients start: their cursors, judged by the log itself.

use super::core::catch_up::page::StartPoint;
use super::hub::Hub;
use crate::log::epoch::{self, CursorStatus, EpochHistory};
use crate::log::{Cursor, Log};
use crate::store::{DataLoader, StoreError};
use crate::wire::ResetCode;
use std::time::Duration;

/// How long a client waits for this node to publish up to the head of the log.
const MAX_LAG: Duration = Duration::from_secs(5);
/// How long this node's own commits may take to its hub.
const MAX_HANDOVER: Duration = Duration::from_millis(100);
/// Clients that may share a query: all that come at once when a node dies.
const MAX_SHARED_JUDGEMENTS: usize = 4_096;

/// Where a client wants to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeFrom {
    Cursor(Cursor),
    /// The oldest position that is kept.
    Start,
    /// The head of the log.
    Now,
}

/// Why a client cannot start where it wants.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The cursor cannot be resumed from. The start point is a fresh one.
    #[error("the cursor cannot be resumed from")]
    UnusableCursor(ResetCode, StartPoint),
    /// PostgreSQL answers, and this node has not published what it holds.
    #[error("this node lags behind the log")]
    Lagging,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Judges cursors by the epochs and the head of the log. Those who ask PostgreSQL at the same time share a query. Cheap
/// to clone.
#[derive(Clone)]
pub struct Epochs {
    hub: Hub,
    histories: DataLoader<(), EpochHistory>,
    log: Log,
}

impl Epochs {
    /// Starts to ask.
    pub fn new(hub: Hub, log: Log) -> Self {
        let (asking, pool) = (hub.clone(), log.pool().clone());
        let histories = DataLoader::start(MAX_SHARED_JUDGEMENTS, move |questions: Vec<()>| {
            let (hub, pool) = (asking.clone(), pool.clone());
            async move {
                let known = hub.published().position;
                let history = pool.ask(async |connection| epoch::load(connection, known).await).await?;
                Ok(vec![history; questions.len()])
            }
        });
        Self { hub, histories, log }
    }

    /// Judges where a client wants to start by the log in PostgreSQL, and waits until this node has published up to its
    /// head: what was answered 2xx anywhere before is there for whoever asks now.
    ///
    /// # Errors
    /// The cursor cannot be resumed from, PostgreSQL does not answer, or this node lags too far behind the log.
    pub async fn judge_at_head(&self, from: ResumeFrom) -> Result<StartPoint, ResumeError> {
        let history = self.histories.load(()).await?;
        let epoch = history.head().epoch;
        wait_until_published(&self.hub, history.head()).await?;
        let from = match from {
            ResumeFrom::Now => history.head(),
            ResumeFrom::Start => history.start(),
            ResumeFrom::Cursor(cursor) => match history.check(cursor) {
                CursorStatus::Valid => cursor,
                unusable => {
                    let code = match unusable {
                        CursorStatus::Expired => ResetCode::CursorExpired,
                        CursorStatus::Valid | CursorStatus::Unknown => ResetCode::CursorUnknown,
                    };
                    return Err(ResumeError::UnusableCursor(code, StartPoint { from: history.head(), epoch }));
                }
            },
        };
        Ok(StartPoint { from, epoch })
    }

    /// The same for a client that goes on listening, and so gets what this node has not published yet as it comes. A
    /// cursor that lies in memory costs no query. What this node itself has committed is waited for.
    ///
    /// # Errors
    /// As of [`Self::judge_at_head`].
    pub async fn judge_for_stream(&self, from: ResumeFrom) -> Result<StartPoint, ResumeError> {
        // A commit of another epoch is not waited for: the log has gone on without it.
        if let Some(committed) = self.log.committed().filter(|at| at.epoch == self.hub.published().epoch) {
            let _ = tokio::time::timeout(MAX_HANDOVER, self.hub.wait_until(committed)).await;
        }
        match from {
            ResumeFrom::Cursor(from) if self.hub.range().holds(from) => Ok(StartPoint { from, epoch: from.epoch }),
            from => self.judge_at_head(from).await,
        }
    }
}

/// Waits until this node has published up to the head of the log, as it was a moment ago.
async fn wait_until_published(hub: &Hub, head: Cursor) -> Result<(), ResumeError> {
    tokio::time::timeout(MAX_LAG, hub.request_until(head)).await.map_err(|_| ResumeError::Lagging)
}

#[cfg(test)]
#[path = "tests/resume.rs"]
mod tests;
