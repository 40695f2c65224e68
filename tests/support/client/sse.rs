//! An SSE parser written after the WHATWG's specification alone, and fed with bytes, so that a connection may break at
//! any of them.

/// An event as an EventSource would dispatch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    pub id: String,
    pub kind: String,
    pub data: String,
}

/// The state between two bytes.
#[derive(Default)]
pub struct SseParser {
    line: Vec<u8>,
    after_carriage_return: bool,
    past_first_line: bool,
    data: String,
    kind: String,
    id: String,
    pub retry: Option<u64>,
    pub comments: usize,
}

impl SseParser {
    /// Takes in bytes and answers the events that they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<SseEvent> {
        let mut events = Vec::new();
        for &byte in bytes {
            let ends_pair = byte == b'\n' && self.after_carriage_return;
            self.after_carriage_return = byte == b'\r';
            match byte {
                b'\n' if ends_pair => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ => self.line.push(byte),
            }
        }
        events
    }

    fn end_line(&mut self) -> Option<SseEvent> {
        let bytes = std::mem::take(&mut self.line);
        let first = !std::mem::replace(&mut self.past_first_line, true);
        let text = String::from_utf8_lossy(&bytes);
        let line = if first { text.strip_prefix('\u{feff}').unwrap_or(&text) } else { &text };
        if line.is_empty() {
            return self.dispatch();
        }
        match line.split_once(':') {
            Some(("", _)) => self.comments += 1,
            Some((field, value)) => self.field(field, value.strip_prefix(' ').unwrap_or(value)),
            None => self.field(line, ""),
        }
        None
    }

    fn field(&mut self, name: &str, value: &str) {
        match name {
            "event" => self.kind = value.to_owned(),
            "data" => self.data.extend([value, "\n"]),
            "id" if !value.contains('\0') => self.id = value.to_owned(),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok();
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) -> Option<SseEvent> {
        let kind = std::mem::take(&mut self.kind);
        let mut data = std::mem::take(&mut self.data);
        data.pop()?;
        let kind = if kind.is_empty() { "message".to_owned() } else { kind };
        Some(SseEvent { id: self.id.clone(), kind, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Vec<SseEvent> {
        SseParser::default().feed(text.as_bytes())
    }

    fn event(id: &str, kind: &str, data: &str) -> SseEvent {
        SseEvent { id: id.to_owned(), kind: kind.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn examples_of_the_specification_are_parsed_as_it_says() {
        assert_eq!(parse("data: YHOO\ndata: +2\ndata: 10\n\n"), [event("", "message", "YHOO\n+2\n10")]);
        let stream =
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\ndata: cut";
        let expected = [event("1", "message", "first event"), event("", "message", "second event")];
        assert_eq!(parse(stream)[..2], expected);
        assert_eq!(parse(stream)[2..], [event("", "message", " third event")]);
        assert_eq!(parse("data\n\ndata\ndata\n\ndata:"), [event("", "message", ""), event("", "message", "\n")]);
    }

    #[test]
    fn line_ends_count_once_and_a_byte_order_mark_is_dropped() {
        let stream = "\u{feff}event: a\r\ndata: 1\r\rdata: 2\n\nretry: 250\nretry: 1x\n: hello\nid: 4\0\n";
        assert_eq!(parse(stream), [event("", "a", "1"), event("", "message", "2")]);
        let mut parser = SseParser::default();
        parser.feed(stream.as_bytes());
        assert_eq!((parser.retry, parser.comments, parser.id.as_str()), (Some(250), 1, ""));
    }

    proptest! {
        #[test]
        fn parser_is_independent_of_how_bytes_are_cut(lines in prop::collection::vec("(id: [0-9]|data: [a-zé\u{2028}]{0,3}|event: x||:)(\n|\r|\r\n)", 0..30), step in 1usize..7) {
            let stream = lines.concat();
            let mut parser = SseParser::default();
            let pieces: Vec<_> = stream.as_bytes().chunks(step).flat_map(|piece| parser.feed(piece)).collect();
            prop_assert_eq!(pieces, parse(&stream));
        }
    }
}
