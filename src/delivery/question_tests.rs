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
        let found = self.unread.as_ref().map_or(0, |unread| unread.positions.len());
        Wished { key, id, user, only, covered, upto, limit, found }
    }
}

impl Unread {
    /// So many events, whichever.
    pub fn some(count: usize) -> Box<Self> {
        Box::new(Self { positions: vec![Position::ZERO; count], upto: None })
    }
}

#[test]
fn a_page_is_made_of_chunks_only_where_nobody_else_makes_them() {
    let events = [11, 12].map(|position| encoded(Event::clone(&message(position, room(1)))));
    for framing in [Framing::Sse, Framing::Ndjson] {
        let frames = events.each_ref().map(|event| event.framed(framing).clone());
        let join = |chunks| joined(events.iter().cloned(), framing, chunks);
        assert_eq!(join(Chunks::Ours), frames.each_ref().map(|frame| frame.chunk().clone()).concat());
        assert_eq!(join(Chunks::Others), frames.map(|frame| frame.plain()).concat());
    }
}
