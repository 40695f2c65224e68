//! Rebuilding the index while nodes serve. Whoever has the claim fills it: a node, or the process that rebuilds.

use crate::domain::search::indexer::fill;
use crate::ids::Position;
use crate::log::epoch;
use crate::store::search::{self, IndexClaim, IndexProgress};
use crate::store::{Connection, Pool, StoreError};
use diesel_async::AsyncConnection;
use std::time::Duration;

/// How long one statement of a rebuilding may take: emptying the index waits for those who search.
pub const REBUILD_STATEMENT_TIMEOUT: Duration = Duration::from_secs(600);

/// The progress of a rebuilding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReindexProgress {
    /// Events that are indexed.
    pub done: u64,
    /// Events that there were when it began.
    pub all: u64,
    /// Whether it goes on where an earlier one was interrupted.
    pub resumed: bool,
}

/// Empties the index and fills it from the oldest event that is kept, or goes on with what was interrupted; tells how
/// far it is after each batch. Searches find what is filled already.
///
/// # Errors
/// [`StoreError`]; another call goes on from there.
pub async fn reindex(pool: &Pool, mut tell: impl FnMut(ReindexProgress)) -> Result<ReindexProgress, StoreError> {
    let mut connection = pool.get().await?;
    let start = epoch::load(&mut connection, Position::ZERO).await?.start().position;
    let (resumed, end) = connection.transaction(async |connection| begin(connection).await).await?;
    let steps = |position: Position| u64::try_from(position.0 - start.0).unwrap_or(0);
    loop {
        let step = fill(&mut connection, IndexClaim::Wait).await?;
        let position = step.progress().position.min(end);
        let advance = ReindexProgress { done: steps(position), all: steps(end), resumed };
        tell(advance);
        if position == end {
            return Ok(advance);
        }
    }
}

/// Answers whether a rebuilding was under way, and where it ends.
async fn begin(connection: &mut Connection) -> Result<(bool, Position), StoreError> {
    // A claim that waits always gets the row.
    let claimed = search::claim(connection, IndexClaim::Wait).await?;
    if let Some(end) = claimed.and_then(|progress| progress.rebuilding) {
        return Ok((true, end));
    }
    let state = epoch::load(connection, Position::ZERO).await?;
    let (start, end) = (state.start().position, state.head().position);
    search::truncate(connection).await?;
    search::advance(connection, IndexProgress { position: start, rebuilding: Some(end).filter(|end| *end > start) })
        .await?;
    Ok((false, end))
}
