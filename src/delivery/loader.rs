//! Answers the dispatcher's queries from PostgreSQL: few pages at a time, and many users in one query.

use super::command::Command;
use super::core::catch_up::page::{KnownMemberships, UserMemberships};
use super::core::catch_up::query::PageQuery;
use super::core::slots::SubscriptionKey;
use super::core::subscriptions::subscription::QueryKind;
use super::hub::Hub;
use super::page_reader::{PageError, read_page};
use super::query_channels::{JudgementQuery, QueryReceiver};
use super::resume::{Epochs, ResumeError, ResumeFrom};
use crate::ids::{ConnectionId, UserId};
use crate::log::read;
use crate::shutdown::Shutdown;
use crate::store::{Pool, StoreError};
use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// Users whose memberships are asked for at once.
const MAX_USERS_PER_QUERY: usize = 500;
/// Pages that are read at the same time.
const MAX_CONCURRENT_PAGES: usize = 4;
/// Cursors that are judged at the same time. They share a query.
const MAX_CONCURRENT_JUDGEMENTS: usize = 1_024;
/// How long the hub may take to get where memberships were read. It looks at the log once a second.
const MAX_MEMBERSHIP_LAG: Duration = Duration::from_secs(2);
/// How long a query rests that PostgreSQL did not answer.
const QUERY_REST: Duration = Duration::from_millis(500);

/// Answers the dispatcher's queries.
pub struct CatchUpLoader {
    hub: Hub,
    pool: Pool,
    epochs: Epochs,
}

impl CatchUpLoader {
    /// Starts to answer.
    pub fn start(hub: Hub, pool: Pool, epochs: Epochs, queries: QueryReceiver, shutdown: &Shutdown) {
        let loader = Arc::new(Self { hub, pool, epochs });
        shutdown.spawn(loader.clone().load_memberships(queries.memberships));
        let (pages, judgements, stopping) = (queries.pages, queries.judgements, shutdown.clone());
        let this = loader.clone();
        shutdown.spawn(at_once(MAX_CONCURRENT_PAGES, pages, stopping.clone(), move |query| {
            let this = this.clone();
            async move { this.load_page(query).await }
        }));
        shutdown.spawn(at_once(MAX_CONCURRENT_JUDGEMENTS, judgements, stopping, move |query| {
            let this = loader.clone();
            async move { this.judge(query).await }
        }));
    }

    /// Asks for all users that wait in one query.
    async fn load_memberships(self: Arc<Self>, mut asked: mpsc::Receiver<UserId>) {
        let mut users = Vec::new();
        while asked.recv_many(&mut users, MAX_USERS_PER_QUERY).await > 0 {
            let users = std::mem::take(&mut users);
            match memberships(&self.hub, &self.pool, &users).await {
                Ok(memberships) => self.hub.send(Command::Memberships(memberships)).await,
                Err(error) => {
                    tracing::warn!(%error, "cannot read where users are members");
                    tokio::time::sleep(QUERY_REST).await;
                    self.hub.send(Command::MembershipsFailed(users)).await;
                }
            }
        }
    }

    async fn load_page(&self, query: PageQuery) {
        let (key, id) = (query.key, query.id);
        match read_page(&self.pool, query).await {
            Ok(page) => self.hub.send(Command::Page(key, id, page)).await,
            Err(PageError::Retired) => self.hub.send(Command::Retired(key, id)).await,
            Err(PageError::Store(error)) => self.fail(key, id, QueryKind::Page, &error).await,
        }
    }

    async fn judge(&self, (key, id, covered): JudgementQuery) {
        match self.epochs.judge_at_head(ResumeFrom::Cursor(covered)).await {
            Ok(start) => self.hub.send(Command::Judgement(key, id, start, None)).await,
            Err(ResumeError::UnusableCursor(code, start)) => {
                self.hub.send(Command::Judgement(key, id, start, Some(code))).await;
            }
            Err(error) => self.fail(key, id, QueryKind::Judgement, &error).await,
        }
    }

    async fn fail(&self, key: SubscriptionKey, id: ConnectionId, kind: QueryKind, error: &impl Error) {
        tracing::warn!(%error, query = ?kind, "cannot read for a subscription");
        tokio::time::sleep(QUERY_REST).await;
        self.hub.send(Command::QueryFailed(key, id, kind)).await;
    }
}

/// Answers the queries of a queue, at most `limit` at the same time.
async fn at_once<Q, A>(limit: usize, mut queries: mpsc::Receiver<Q>, shutdown: Shutdown, answer: impl Fn(Q) -> A)
where
    A: Future<Output = ()> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(limit));
    while let Ok(permit) = permits.clone().acquire_owned().await {
        let Some(query) = queries.recv().await else { return };
        let answering = answer(query);
        shutdown.spawn(async move {
            answering.await;
            drop(permit);
        });
    }
}

async fn memberships(hub: &Hub, pool: &Pool, users: &[UserId]) -> Result<UserMemberships, StoreError> {
    let range = hub.range();
    let (known, floor) = (range.head.position, range.floor);
    let everyone = pool.ask(async |connection| read::open_memberships(connection, users, known, floor).await).await?;
    let mut by_user: HashMap<_, _> = users.iter().map(|user| (*user, KnownMemberships::default())).collect();
    for (user, conversation) in everyone.memberships {
        by_user.entry(user).or_default().open.push(conversation);
    }
    for (user, position) in everyone.ended {
        by_user.entry(user).or_default().ended.push(position);
    }
    // Before that the dispatcher cannot use them. Too much would wait there if the hub lags.
    let _ = tokio::time::timeout(MAX_MEMBERSHIP_LAG, hub.wait_until(everyone.head)).await;
    Ok(UserMemberships { head: everyone.head, users: by_user.into_iter().collect() })
}
