//! Answers the dispatcher's queries from PostgreSQL: few pages at a time, and many users in one query.

use super::command::Command;
use super::core::catch_up::page::{KnownMemberships, UserMemberships};
use super::core::catch_up::query::{CatchUpQuery, PageQuery};
use super::core::slots::SubscriptionKey;
use super::core::subscriptions::subscription::QueryKind;
use super::hub::Hub;
use super::page_reader::{PageError, read_page};
use super::resume::{Epochs, ResumeError, ResumeFrom};
use crate::ids::{ConnectionId, UserId};
use crate::log::{Cursor, read};
use crate::shutdown::Shutdown;
use crate::store::{Pool, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// Users whose memberships are asked for at once.
const MAX_USERS_PER_QUERY: usize = 500;
/// Pages that are read at the same time.
const MAX_CONCURRENT_PAGES: usize = 4;
/// How long the hub may take to get where memberships were read. It looks at the log once a second.
const MAX_MEMBERSHIP_LAG: Duration = Duration::from_secs(2);
/// How long a query rests that PostgreSQL did not answer.
const QUERY_REST: Duration = Duration::from_millis(500);

/// Answers the dispatcher's queries.
pub struct CatchUpLoader {
    hub: Hub,
    pool: Pool,
    epochs: Epochs,
    permits: Semaphore,
}

impl CatchUpLoader {
    /// Starts to answer.
    pub fn start(
        hub: Hub,
        pool: Pool,
        epochs: Epochs,
        queries: mpsc::UnboundedReceiver<CatchUpQuery>,
        shutdown: &Shutdown,
    ) {
        let (users, asked) = mpsc::unbounded_channel();
        shutdown.spawn(load_memberships(hub.clone(), pool.clone(), asked));
        let loader = Arc::new(Self { hub, pool, epochs, permits: Semaphore::new(MAX_CONCURRENT_PAGES) });
        shutdown.spawn(loader.run(queries, users, shutdown.clone()));
    }

    async fn run(
        self: Arc<Self>,
        mut queries: mpsc::UnboundedReceiver<CatchUpQuery>,
        users: mpsc::UnboundedSender<UserId>,
        shutdown: Shutdown,
    ) {
        while let Some(query) = queries.recv().await {
            let this = self.clone();
            match query {
                // They are read until shutdown begins.
                CatchUpQuery::Memberships(user) => drop(users.send(user)),
                CatchUpQuery::Page(query) => shutdown.spawn(async move { this.load_page(query).await }),
                CatchUpQuery::Judgement(key, id, covered) => {
                    shutdown.spawn(async move { this.judge(key, id, covered).await });
                }
            }
        }
    }

    async fn load_page(&self, query: PageQuery) {
        let _permit = self.permits.acquire().await;
        let (key, id) = (query.key, query.id);
        match read_page(&self.pool, query).await {
            Ok(page) => self.hub.send(Command::Page(key, id, page)),
            Err(PageError::Retired) => self.hub.send(Command::Retired(key, id)),
            Err(PageError::Store(error)) => self.fail(key, id, QueryKind::Page, &error).await,
        }
    }

    async fn judge(&self, key: SubscriptionKey, id: ConnectionId, covered: Cursor) {
        match self.epochs.judge_at_head(ResumeFrom::Cursor(covered)).await {
            Ok(start) => self.hub.send(Command::Judgement(key, id, start, None)),
            Err(ResumeError::Dead(code, start)) => self.hub.send(Command::Judgement(key, id, start, Some(code))),
            Err(ResumeError::Store(error)) => self.fail(key, id, QueryKind::Judgement, &error).await,
        }
    }

    async fn fail(&self, key: SubscriptionKey, id: ConnectionId, kind: QueryKind, error: &StoreError) {
        tracing::warn!(%error, query = ?kind, "cannot read for a subscription");
        tokio::time::sleep(QUERY_REST).await;
        self.hub.send(Command::QueryFailed(key, id, kind));
    }
}

/// Asks for all users that wait in one query.
async fn load_memberships(hub: Hub, pool: Pool, mut asked: mpsc::UnboundedReceiver<UserId>) {
    let mut users = Vec::new();
    while asked.recv_many(&mut users, MAX_USERS_PER_QUERY).await > 0 {
        let users = std::mem::take(&mut users);
        match memberships(&hub, &pool, &users).await {
            Ok(memberships) => hub.send(Command::Memberships(memberships)),
            Err(error) => {
                tracing::warn!(%error, "cannot read where users are members");
                tokio::time::sleep(QUERY_REST).await;
                hub.send(Command::MembershipsFailed(users));
            }
        }
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
