use super::*;
use crate::delivery::samples::{Wished, message, room};

impl PageWish {
    /// What it says.
    pub fn wished(&self) -> Wished {
        let Self { key, id, user, only, covered, upto, shape, .. } = *self;
        let limit = match shape {
            Shape::Bytes(..) => None,
            Shape::Events(limit) => Some(limit),
        };
        let found = self.unread.as_ref().map_or(0, |unread| unread.found.len());
        Wished { key, id, user, only, covered, upto, limit, found }
    }
}

impl Unread {
    /// So many events, whichever.
    pub fn some(count: usize) -> Box<Self> {
        Box::new(Self { found: vec![Position::ZERO; count], read: VecDeque::new(), coming: None, upto: None })
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
            assert!(events.iter().all(|event| join(&mut page, &event.framed(framing).bytes(chunks))));
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
    let mut page = BytesMut::zeroed(PAGE_BYTES - size);
    assert!(join(&mut page, event));
    assert!(!join(&mut page, event));
    assert_eq!(page.len(), PAGE_BYTES);
    assert!(join(&mut BytesMut::new(), event));
}
