use super::hub::Hub;
use crate::ids::Epoch;
use crate::log::epoch::{self, CursorStatus, EpochHistory};
use crate::log::{Cursor, Log};
use crate::store::{ANSWER, DataLoader, StoreError};
use crate::wire::ResetCode;
use std::time::Duration;

/// How long a client waits for this node to reach its cursor.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long this node's own commits may take to its hub.
const HANDING: Duration = Duration::from_millis(100);
/// Clients that may share a query: all that come at once when a node dies.
const SHARING: usize = 4_096;

/// Where a client wants to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    Cursor(Cursor),
    /// The oldest that is kept.
    Start,
    /// The head of the log.
    Now,
}

/// Where a client starts.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The client has everything up to here.
    pub from: Cursor,
    /// Under which epoch this was judged.
    pub epoch: Epoch,
}

/// Why a client cannot start where it wants.
#[derive(Debug)]
pub enum Refused {
    /// The cursor is worth nothing; this one is fresh.
    Dead(ResetCode, Start),
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Asks PostgreSQL for the epochs and the head of the log; those who ask at the same time share a query. Cheap to clone.
#[derive(Clone)]
pub struct Epochs {
    rounds: DataLoader<(), EpochHistory>,
    log: Log,
}

impl Epochs {
    /// Starts to ask.
    pub fn new(hub: Hub, log: Log) -> Self {
        let pool = log.pool().clone();
        let rounds = DataLoader::start(SHARING, move |questions: Vec<()>| {
            let (hub, pool) = (hub.clone(), pool.clone());
            async move {
                let mut connection = pool.get().await?;
                let state = epoch::load(&mut connection, hub.published().position);
                let state = tokio::time::timeout(ANSWER, state).await;
                Ok(vec![connection.settle(state)?; questions.len()])
            }
        });
        Self { rounds, log }
    }
}

impl Start {
    /// Judges where a client wants to start, by the log itself, and waits until this node has reached the log's head:
    /// what was answered 2xx anywhere before is there for who asks now.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn find(hub: &Hub, epochs: &Epochs, after: After) -> Result<Self, Refused> {
        let state = epochs.rounds.load(()).await?;
        let epoch = state.head().epoch;
        reach(hub, state.head()).await?;
        let from = match after {
            After::Now => state.head(),
            After::Start => state.start(),
            After::Cursor(cursor) => match state.check(cursor) {
                CursorStatus::Valid => cursor,
                dead => {
                    let code = match dead {
                        CursorStatus::Expired => ResetCode::CursorExpired,
                        CursorStatus::Valid | CursorStatus::Unknown => ResetCode::CursorUnknown,
                    };
                    return Err(Refused::Dead(code, Self { from: state.head(), epoch }));
                }
            },
        };
        Ok(Self { from, epoch })
    }

    /// The same for a client that goes on listening, to whom what this node has not reached yet comes as it does: a cursor
    /// that lies in the hub's memory costs no query. What this node itself has committed is there at once.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn resume(hub: &Hub, epochs: &Epochs, after: After) -> Result<Self, Refused> {
        // A history that has gone on without it is not waited for.
        if let Some(committed) = epochs.log.committed().filter(|at| at.epoch == hub.published().epoch) {
            let _ = tokio::time::timeout(HANDING, hub.passed(committed)).await;
        }
        match after {
            After::Cursor(from) if hub.reach().holds(from) => Ok(Self { from, epoch: from.epoch }),
            after => Self::find(hub, epochs, after).await,
        }
    }
}

async fn reach(hub: &Hub, cursor: Cursor) -> Result<(), StoreError> {
    let reached = tokio::time::timeout(PATIENCE, hub.reached(cursor)).await;
    reached.map_err(|_| StoreError::Unreachable("this node is behind the log".into()))
}
