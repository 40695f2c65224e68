//! Answers the dispatcher's queries from PostgreSQL: few pages at a time, and many users in one query.

use super::command::Command;
use super::core::catch_up::page::{CatchUpPage, UserMemberships};
use super::core::catch_up::query::{CatchUpQuery, PageQuery, PageShape};
use super::core::catch_up::read_ahead::{Prefetch, ReadAhead};
use super::core::slots::SubscriptionKey;
use super::core::subscriptions::subscription::QueryKind;
use super::hub::Hub;
use super::resume::{Epochs, ResumeError, ResumeFrom};
use crate::ids::{ConnectionId, Position, UserId};
use crate::log::read::{self, MissedRange};
use crate::log::{Cursor, Event, epoch};
use crate::shutdown::Shutdown;
use crate::store::{Pool, StoreError};
use crate::wire::Encoded;
use bytes::BytesMut;
use futures_util::FutureExt;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// Users whose memberships are asked for at once.
const MAX_USERS_PER_QUERY: usize = 500;
/// Pages that are read at the same time.
const MAX_CONCURRENT_PAGES: usize = 4;
/// Positions that are found before their events are read, page by page. Finding many costs little more than finding one,
/// and each takes eight bytes.
const MAX_FOUND_AHEAD: usize = 4_096;
/// Bytes of a page, as they are sent. A client that reads slowly has two pages waiting, and 128 KiB of what was found
/// and read: together that must stay below 256 KiB.
const MAX_PAGE_BYTES: usize = 60 * 1024;
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
        match page(&self.pool, query).await {
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
    let known = hub.published().position;
    let everyone = pool.ask(async |connection| read::open_memberships(connection, users, known).await).await?;
    let mut by_user: HashMap<_, _> = users.iter().map(|user| (*user, Vec::new())).collect();
    for (user, conversation) in everyone.memberships {
        by_user.entry(user).or_default().push(conversation);
    }
    // Before that the dispatcher cannot use them. Too much would wait there if the hub lags.
    let _ = tokio::time::timeout(MAX_MEMBERSHIP_LAG, hub.wait_until(everyone.head)).await;
    Ok(UserMemberships { head: everyone.head, users: by_user.into_iter().collect() })
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
enum PageError {
    /// Retention has overtaken the reader.
    #[error("some of it is no longer kept")]
    Retired,
    #[error(transparent)]
    Store(#[from] StoreError),
}

async fn page(pool: &Pool, mut query: PageQuery) -> Result<CatchUpPage, PageError> {
    let asked = (query.covered, query.upto);
    let mut ahead = match query.read_ahead.take() {
        Some(ahead) => ahead,
        None => {
            let span = MissedRange { after: query.covered.position, upto: query.upto.position, only: query.only };
            Box::new(find(pool, query.user, span, query.shape, query.upto).await?)
        }
    };
    if ahead.read.is_empty() {
        read_next(&mut ahead, pool).await?;
    }
    let (mut events, mut bytes, mut last) = (Vec::new(), BytesMut::new(), None);
    while let Some(event) = ahead.read.front() {
        match query.shape {
            PageShape::Events(limit) if events.len() < limit => events.push(event.clone()),
            PageShape::Bytes(framing, chunks) if add(&mut bytes, &event.framed(framing).bytes(chunks)) => {}
            PageShape::Events(_) | PageShape::Bytes(..) => break,
        }
        last = Some(event.event.cursor());
        ahead.read.pop_front();
    }
    let (reached, more) = match (ahead.is_empty(), ahead.upto, last) {
        (true, Some(upto), _) => (upto, false),
        (_, _, Some(last)) => (last, true),
        // All that was found was retired in between.
        (_, _, None) => (query.covered, true),
    };
    let bytes = Some(bytes.freeze()).filter(|bytes| !bytes.is_empty());
    let read_ahead = Some(ahead).filter(|ahead| !ahead.is_empty());
    Ok(CatchUpPage { events, bytes, reached, more, read_ahead, asked })
}

/// Finds the positions of what a subscription missed.
async fn find(
    pool: &Pool,
    user: UserId,
    span: MissedRange,
    shape: PageShape,
    upto: Cursor,
) -> Result<ReadAhead, PageError> {
    let limit = match shape {
        PageShape::Bytes(..) => MAX_FOUND_AHEAD,
        PageShape::Events(limit) => limit + 1,
    };
    let finding = pool.ask(async |connection| {
        let found = read::missed_positions(connection, user, span, limit).await?;
        Ok::<_, StoreError>((found, epoch::oldest_position(connection).await?))
    });
    let (found, oldest) = finding.await?;
    if span.after < oldest.previous() {
        return Err(PageError::Retired);
    }
    let upto = (found.len() < limit).then_some(upto);
    Ok(ReadAhead { found, read: VecDeque::new(), prefetch: None, upto })
}

/// Reads the next events of what was found, and lets PostgreSQL go on with those after them.
async fn read_next(ahead: &mut ReadAhead, pool: &Pool) -> Result<(), PageError> {
    let (oldest, events) = match ahead.prefetch.take() {
        Some(prefetch) => prefetch.await,
        None => read_events(pool.clone(), next_page(ahead)).await,
    }?;
    if ahead.found.first().is_some_and(|first| *first < oldest) {
        return Err(PageError::Retired);
    }
    let read = events.last().map(|last| ahead.found.partition_point(|position| *position <= last.position));
    // Where nothing is kept any more, nothing is left to read.
    ahead.found.drain(..read.unwrap_or(ahead.found.len().min(read::MAX_PAGE_EVENTS)));
    ahead.read = events.into_iter().map(|event| Arc::new(Encoded::new(Arc::new(event)))).collect();
    if !ahead.found.is_empty() {
        ahead.prefetch = Some(prefetch(pool.clone(), next_page(ahead)));
        // So that it begins before this goes on, which does not wait for a while.
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn next_page(ahead: &ReadAhead) -> Vec<Position> {
    ahead.found[..ahead.found.len().min(read::MAX_PAGE_EVENTS)].to_vec()
}

fn prefetch(pool: Pool, positions: Vec<Position>) -> Prefetch {
    let reading = tokio::spawn(read_events(pool, positions));
    reading.map(|read| read.unwrap_or_else(|error| Err(StoreError::Unreachable(error.into())))).boxed()
}

/// Reads the first of the events at `positions`, as many as make a page; returns also the oldest position that was kept
/// when they were read.
async fn read_events(pool: Pool, positions: Vec<Position>) -> Result<(Position, Vec<Event>), StoreError> {
    let reading = pool.ask(async |connection| {
        let events = read::events_page(connection, &positions).await?;
        Ok::<_, StoreError>((epoch::oldest_position(connection).await?, events))
    });
    reading.await
}

/// Adds an event to a page if it fits.
fn add(page: &mut BytesMut, event: &[u8]) -> bool {
    let fits = page.is_empty() || page.len() + event.len() <= MAX_PAGE_BYTES;
    if fits {
        page.extend_from_slice(event);
    }
    fits
}

#[cfg(test)]
#[path = "tests/loader.rs"]
mod tests;
