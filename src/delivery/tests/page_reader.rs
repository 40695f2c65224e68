//! How pages are made, with reads that come out of memory and are counted.

use super::*;
use crate::delivery::samples::{PageWish, cursor, message, room, user};
use crate::ids::ConnectionId;
use crate::log::Event;

use crate::wire::{Chunks, Framing};
use std::sync::Mutex;

impl PageQuery {
    /// What it asks for.
    pub fn wish(&self) -> PageWish {
        let Self { key, id, user, only, covered, upto, shape, deletions, .. } = *self;
        let limit = match shape {
            PageShape::Bytes(..) => None,
            PageShape::Events(limit) => Some(limit),
        };
        let found = self.read_ahead.as_ref().map_or(0, |ahead| ahead.found.len());
        let read = self.read_ahead.as_ref().map_or(0, |ahead| ahead.read.len());
        PageWish { key, id, user, only, covered, upto, limit, found, read, deletions }
    }
}

impl ReadAhead {
    /// So many events, whichever, and those that are read.
    pub fn some(count: usize, read: Vec<Arc<Event>>, deletions: u64) -> Box<Self> {
        let read = read.into_iter().map(|event| Arc::new(Encoded::new(event))).collect();
        Box::new(Self { found: vec![Position::ZERO; count], read, prefetch: None, upto: None, deletions })
    }
}

fn encoded(position: i64) -> Encoded {
    Encoded::new(message(position, room(1)))
}

#[test]
fn page_is_made_of_chunks_only_where_nobody_else_makes_them() {
    let events = [11, 12].map(encoded);
    for framing in [Framing::Sse, Framing::Ndjson] {
        let frames = events.each_ref().map(|event| event.framed(framing).clone());
        let joined = |chunks: Chunks| {
            let mut page = BytesMut::new();
            assert!(events.iter().all(|event| add(&mut page, &event.framed(framing).bytes(chunks))));
            page
        };
        assert_eq!(joined(Chunks::Ours), frames.each_ref().map(|frame| frame.chunk().clone()).concat());
        assert_eq!(joined(Chunks::Others), frames.map(|frame| frame.plain()).concat());
    }
}

#[test]
fn page_takes_any_first_event_and_then_what_fits() {
    let event = encoded(11);
    let event = event.framed(Framing::Sse).chunk();
    let size = event.len();
    let mut page = BytesMut::zeroed(MAX_PAGE_BYTES - size);
    assert!(add(&mut page, event));
    assert!(!add(&mut page, event));
    assert_eq!(page.len(), MAX_PAGE_BYTES);
    assert!(add(&mut BytesMut::new(), event));
}

/// A log of 1,000 messages that are all the user's, and the reads of it.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<usize>>>);

impl PageSource for Memory {
    async fn find(&self, _: UserId, range: MissedRange, limit: usize) -> Result<(Position, Vec<Position>), StoreError> {
        Ok((Position(1), (range.after.0 + 1..=range.upto.0).take(limit).map(Position).collect()))
    }

    async fn read(&self, positions: Vec<Position>) -> EventsRead {
        self.0.lock().expect("nobody panics with it").push(positions.len());
        let events = positions.iter().map(|position| Event::clone(&message(position.0, room(1)))).collect();
        Ok((Position(1), events))
    }
}

impl Memory {
    fn reads(&self) -> Vec<usize> {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

fn query(shape: PageShape, deletions: u64, read_ahead: Option<Box<ReadAhead>>) -> PageQuery {
    let (key, id, upto) = (0, ConnectionId::new(), cursor(1_000));
    PageQuery { key, id, user: user(1), only: None, covered: cursor(0), upto, shape, read_ahead, deletions }
}

#[tokio::test]
async fn page_of_a_poll_reads_no_more_events_than_its_limit_and_nothing_ahead() {
    let memory = Memory::default();
    let page = read_page(&memory, query(PageShape::Events(10), 0, None)).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!((page.events.len(), page.more, memory.reads()), (10, true, vec![10]));
}

#[tokio::test]
async fn page_of_a_stream_reads_the_next_one_ahead_once() {
    let memory = Memory::default();
    let shape = PageShape::Bytes(Framing::Sse, Chunks::Ours);
    let page = read_page(&memory, query(shape, 0, None)).await.unwrap();
    assert_eq!(memory.reads(), [read::MAX_PAGE_EVENTS; 2]);
    let mut ahead = page.read_ahead.unwrap();
    ahead.read.clear();
    read_page(&memory, query(shape, 0, Some(ahead))).await.unwrap();
    assert_eq!(memory.reads(), [read::MAX_PAGE_EVENTS; 3]);
}

#[tokio::test]
async fn page_knows_of_the_deletions_that_had_passed_when_its_read_began() {
    let memory = Memory::default();
    let shape = PageShape::Bytes(Framing::Sse, Chunks::Ours);
    let page = read_page(&memory, query(shape, 3, None)).await.unwrap();
    assert_eq!(page.deletions, 3);
    let mut ahead = page.read_ahead.unwrap();
    ahead.read.clear();
    // It was read ahead: what was deleted since may be in it.
    let page = read_page(&memory, query(shape, 5, Some(ahead))).await.unwrap();
    assert_eq!(page.deletions, 3);
    let mut ahead = page.read_ahead.unwrap();
    ahead.read.clear();
    let page = read_page(&memory, query(shape, 7, Some(ahead))).await.unwrap();
    assert_eq!(page.deletions, 5);
}
