use super::hub::Hub;
use crate::ids::Epoch;
use crate::log::Cursor;
use crate::log::epoch::{self, Judgement};
use crate::store::{Pool, StoreError};
use crate::wire::ResetCode;
use std::time::Duration;

/// How long a client waits for this node to reach its cursor.
const PATIENCE: Duration = Duration::from_secs(5);

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
    pub(super) epoch: Epoch,
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

impl Start {
    /// Judges where a client wants to start, by the log itself, and waits until this node has reached the log's head:
    /// what was answered 2xx anywhere before is there for who asks now.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn find(hub: &Hub, pool: &Pool, after: After) -> Result<Self, Refused> {
        let mut connection = pool.get().await?;
        let state = epoch::state(&mut connection, hub.published().position).await?;
        drop(connection);
        let epoch = state.head().epoch;
        reach(hub, state.head()).await?;
        let from = match after {
            After::Now => state.head(),
            After::Start => state.start(),
            After::Cursor(cursor) => match state.judge(cursor) {
                Judgement::Good => cursor,
                dead => {
                    let code = match dead {
                        Judgement::Expired => ResetCode::CursorExpired,
                        Judgement::Good | Judgement::Unknown => ResetCode::CursorUnknown,
                    };
                    return Err(Refused::Dead(code, Self { from: state.head(), epoch }));
                }
            },
        };
        Ok(Self { from, epoch })
    }
}

async fn reach(hub: &Hub, cursor: Cursor) -> Result<(), StoreError> {
    let reached = tokio::time::timeout(PATIENCE, hub.reached(cursor)).await;
    reached.map_err(|_| StoreError::Unreachable("this node is behind the log".into()))
}
