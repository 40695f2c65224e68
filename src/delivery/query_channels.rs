//! The queues between the dispatcher, which must not wait, and those who answer its queries.

use super::core::catch_up::query::{CatchUpQuery, PageQuery};
use super::core::slots::SubscriptionKey;
use crate::ids::{ConnectionId, UserId};
use crate::log::Cursor;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Queries of each kind that may wait. The dispatcher holds back what is more, and sends it later.
pub const MAX_QUEUED_QUERIES: usize = 1_024;

/// A cursor that is to be judged.
pub type JudgementQuery = (SubscriptionKey, ConnectionId, Cursor);

/// Where queries are put in.
pub struct QuerySender {
    memberships: Sender<UserId>,
    pages: Sender<PageQuery>,
    judgements: Sender<JudgementQuery>,
}

/// Where queries come out. Each kind has a queue of its own, so that none waits for another.
pub struct QueryReceiver {
    pub memberships: Receiver<UserId>,
    pub pages: Receiver<PageQuery>,
    pub judgements: Receiver<JudgementQuery>,
}

/// Makes both ends.
pub fn query_channels() -> (QuerySender, QueryReceiver) {
    let (memberships, users) = mpsc::channel(MAX_QUEUED_QUERIES);
    let (pages, wanted) = mpsc::channel(MAX_QUEUED_QUERIES);
    let (judgements, judged) = mpsc::channel(MAX_QUEUED_QUERIES);
    (
        QuerySender { memberships, pages, judgements },
        QueryReceiver { memberships: users, pages: wanted, judgements: judged },
    )
}

impl QuerySender {
    /// Puts a query in.
    ///
    /// # Errors
    /// The queue is full; the query is given back. Nobody answers any more only while the node ends: then it is dropped.
    pub fn try_send(&self, query: CatchUpQuery) -> Result<(), CatchUpQuery> {
        match query {
            CatchUpQuery::Memberships(user) => refused(self.memberships.try_send(user), CatchUpQuery::Memberships),
            CatchUpQuery::Page(page) => refused(self.pages.try_send(page), CatchUpQuery::Page),
            CatchUpQuery::Judgement(key, id, covered) => {
                let give_back = |(key, id, covered)| CatchUpQuery::Judgement(key, id, covered);
                refused(self.judgements.try_send((key, id, covered)), give_back)
            }
        }
    }
}

fn refused<T>(
    sent: Result<(), TrySendError<T>>,
    give_back: impl FnOnce(T) -> CatchUpQuery,
) -> Result<(), CatchUpQuery> {
    match sent {
        Err(TrySendError::Full(query)) => Err(give_back(query)),
        Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
    }
}

#[cfg(test)]
#[path = "tests/query_channels.rs"]
mod tests;
