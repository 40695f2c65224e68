//! Makes pages of what subscriptions missed: first it is found where their events stand, then the events are read.

use super::core::catch_up::page::CatchUpPage;
use super::core::catch_up::query::{PageQuery, PageShape};
use super::core::catch_up::read_ahead::{EventsRead, Prefetch, ReadAhead, text_of};
use crate::ids::{Position, UserId};
use crate::log::read::{self, MissedRange};
use crate::log::{Cursor, epoch};
use crate::store::{Pool, StoreError};
use crate::wire::Encoded;
use bytes::BytesMut;
use futures_util::FutureExt;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

/// Positions that are found before their events are read, page by page. Finding many costs little more than finding one,
/// and each takes eight bytes.
const MAX_FOUND_AHEAD: usize = 4_096;
/// Bytes of a page, as they are sent. A client that reads slowly has two pages waiting, and 128 KiB of what was found
/// and read: together that must stay below 256 KiB.
const MAX_PAGE_BYTES: usize = 60 * 1024;

/// The reads that pages are made of.
pub trait PageSource: Clone + Send + Sync + 'static {
    /// Finds the first `limit` of the events that a user missed; returns also the oldest position that is kept.
    fn find(
        &self,
        user: UserId,
        range: MissedRange,
        limit: usize,
    ) -> impl Future<Output = Result<(Position, Vec<Position>), StoreError>> + Send;

    /// Reads the first of the events at `positions`, as many as make a page.
    fn read(&self, positions: Vec<Position>) -> impl Future<Output = EventsRead> + Send;
}

impl PageSource for Pool {
    async fn find(
        &self,
        user: UserId,
        range: MissedRange,
        limit: usize,
    ) -> Result<(Position, Vec<Position>), StoreError> {
        let finding = self.ask(async |connection| {
            let found = read::missed_positions(connection, user, range, limit).await?;
            Ok::<_, StoreError>((epoch::oldest_position(connection).await?, found))
        });
        finding.await
    }

    async fn read(&self, positions: Vec<Position>) -> EventsRead {
        let reading = self.ask(async |connection| {
            let events = read::events_page(connection, &positions).await?;
            Ok::<_, StoreError>((epoch::oldest_position(connection).await?, events))
        });
        reading.await
    }
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Retention has overtaken the reader.
    #[error("some of it is no longer kept")]
    Retired,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads the page that a query asks for.
///
/// # Errors
/// Retention has overtaken the reader, or PostgreSQL does not answer.
pub async fn read_page(source: &impl PageSource, query: PageQuery) -> Result<CatchUpPage, PageError> {
    let PageQuery { user, only, covered, upto: head, shape, read_ahead, deletions, .. } = query;
    let range = MissedRange { after: covered.position, upto: head.position, only };
    let mut ahead = match read_ahead {
        Some(ahead) => ahead,
        None => Box::new(find(source, user, range, head, shape).await?),
    };
    if ahead.read.is_empty() {
        read_next(source, &mut ahead, shape, deletions).await?;
    }
    let (mut events, mut bytes, mut texts, mut last) = (Vec::new(), BytesMut::new(), Vec::new(), None);
    while let Some(event) = ahead.read.front() {
        match shape {
            PageShape::Events(limit) if events.len() < limit => events.push(event.clone()),
            PageShape::Bytes(framing, chunks) if add(&mut bytes, &event.framed(framing).bytes(chunks)) => {}
            PageShape::Events(_) | PageShape::Bytes(..) => break,
        }
        last = Some(event.event.cursor());
        texts.extend(text_of(&event.event));
        ahead.read.pop_front();
    }
    let (reached, more) = match (ahead.is_empty(), ahead.upto, last) {
        (true, Some(upto), _) => (upto, false),
        (_, _, Some(last)) => (last, true),
        // All that was found was retired in between.
        (_, _, None) => (covered, true),
    };
    let bytes = Some(bytes.freeze()).filter(|bytes| !bytes.is_empty());
    let deletions = ahead.deletions;
    let read_ahead = Some(ahead).filter(|ahead| !ahead.is_empty());
    Ok(CatchUpPage { events, bytes, reached, more, read_ahead, asked: (covered, head), texts, deletions })
}

/// Finds where the events stand that a subscription missed up to `head`.
async fn find(
    source: &impl PageSource,
    user: UserId,
    range: MissedRange,
    head: Cursor,
    shape: PageShape,
) -> Result<ReadAhead, PageError> {
    let limit = match shape {
        PageShape::Bytes(..) => MAX_FOUND_AHEAD,
        // One more tells whether there are more.
        PageShape::Events(limit) => limit + 1,
    };
    let (oldest, found) = source.find(user, range, limit).await?;
    if range.after < oldest.previous() {
        return Err(PageError::Retired);
    }
    let upto = (found.len() < limit).then_some(head);
    Ok(ReadAhead { found, read: VecDeque::new(), prefetch: None, upto, deletions: 0 })
}

/// Reads the next events of what was found and, for a stream, lets PostgreSQL go on with those after them. A poll is over
/// with its first page, so for a poll that would be for nothing.
async fn read_next(
    source: &impl PageSource,
    ahead: &mut ReadAhead,
    shape: PageShape,
    deletions: u64,
) -> Result<(), PageError> {
    let (read, known) = match ahead.prefetch.take() {
        Some(prefetch) => (prefetch.reading.await, prefetch.deletions),
        None => (source.read(next_positions(ahead, shape)).await, deletions),
    };
    let (oldest, events) = read?;
    if ahead.found.first().is_some_and(|first| *first < oldest) {
        return Err(PageError::Retired);
    }
    let count = events.last().map(|last| ahead.found.partition_point(|position| *position <= last.position));
    // Where nothing is kept any more, nothing is left to read.
    ahead.found.drain(..count.unwrap_or(ahead.found.len().min(read::MAX_PAGE_EVENTS)));
    ahead.read = events.into_iter().map(|event| Arc::new(Encoded::new(Arc::new(event)))).collect();
    ahead.deletions = known;
    if matches!(shape, PageShape::Bytes(..)) && !ahead.found.is_empty() {
        ahead.prefetch = Some(prefetch(source, next_positions(ahead, shape), deletions));
        // So that it begins before this goes on, which does not wait for a while.
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn next_positions(ahead: &ReadAhead, shape: PageShape) -> Vec<Position> {
    let limit = match shape {
        PageShape::Bytes(..) => read::MAX_PAGE_EVENTS,
        PageShape::Events(limit) => limit.min(read::MAX_PAGE_EVENTS),
    };
    ahead.found.iter().copied().take(limit).collect()
}

fn prefetch(source: &impl PageSource, positions: Vec<Position>, deletions: u64) -> Prefetch {
    let source = source.clone();
    let reading = tokio::spawn(async move { source.read(positions).await });
    let reading = reading.map(|read| read.unwrap_or_else(|error| Err(StoreError::Unreachable(error.into()))));
    Prefetch { reading: reading.boxed(), deletions }
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
#[path = "tests/page_reader.rs"]
mod tests;
