use super::*;
use crate::delivery::samples::{PageWish, message, room};
use crate::wire::{Chunks, Framing};

impl PageQuery {
    /// What it asks for.
    pub fn wish(&self) -> PageWish {
        let Self { key, id, user, only, covered, upto, shape, .. } = *self;
        let limit = match shape {
            PageShape::Bytes(..) => None,
            PageShape::Events(limit) => Some(limit),
        };
        let found = self.read_ahead.as_ref().map_or(0, |ahead| ahead.found.len());
        PageWish { key, id, user, only, covered, upto, limit, found }
    }
}

impl ReadAhead {
    /// So many events, whichever.
    pub fn some(count: usize) -> Box<Self> {
        Box::new(Self { found: vec![Position::ZERO; count], read: VecDeque::new(), prefetch: None, upto: None })
    }
}

fn encoded(position: i64) -> Encoded {
    Encoded::new(message(position, room(1)))
}

#[test]
fn a_page_is_made_of_chunks_only_where_nobody_else_makes_them() {
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
fn a_page_takes_any_first_event_and_then_what_fits() {
    let event = encoded(11);
    let event = event.framed(Framing::Sse).chunk();
    let size = event.len();
    let mut page = BytesMut::zeroed(MAX_PAGE_BYTES - size);
    assert!(add(&mut page, event));
    assert!(!add(&mut page, event));
    assert_eq!(page.len(), MAX_PAGE_BYTES);
    assert!(add(&mut BytesMut::new(), event));
}
