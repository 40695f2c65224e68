//! One open stream, in either framing, and what holds for every stream.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::sse::{SseEvent, SseParser};
use crate::support::within;

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

/// An event or a control object, as it came out of a stream.
#[derive(Clone, Debug)]
pub struct Received {
    pub kind: String,
    /// Where to resume once this is processed; ephemeral events have none.
    pub cursor: Option<String>,
    pub value: Value,
}

/// Makes objects out of a stream's bytes.
pub enum Framing {
    Sse(SseParser),
    Ndjson { line: Vec<u8>, empty_lines: usize },
}

impl Framing {
    /// Answers the framing of an answer, by its content type.
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get("content-type").and_then(|value| value.to_str().ok()) {
            Some("text/event-stream") => Self::Sse(SseParser::default()),
            Some("application/x-ndjson") => Self::Ndjson { line: Vec::new(), empty_lines: 0 },
            other => panic!("a stream of the type {other:?}"),
        }
    }

    /// Takes in bytes and answers the objects that they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Received> {
        match self {
            Self::Sse(parser) => parser.feed(bytes).into_iter().map(Received::from_sse).collect(),
            Self::Ndjson { line, empty_lines } => {
                let mut received = Vec::new();
                for &byte in bytes {
                    match byte {
                        b'\n' if line.is_empty() => *empty_lines += 1,
                        b'\n' => received.push(Received::from_line(&std::mem::take(line))),
                        _ => line.push(byte),
                    }
                }
                received
            }
        }
    }

    /// Answers how many heartbeats came.
    pub fn heartbeats(&self) -> usize {
        match self {
            Self::Sse(parser) => parser.comments,
            Self::Ndjson { empty_lines, .. } => *empty_lines,
        }
    }
}

impl Received {
    fn from_sse(event: SseEvent) -> Self {
        let received = Self::from_line(event.data.as_bytes());
        assert_eq!(received.kind, event.kind, "the SSE event has another name than its data");
        if let Some(cursor) = &received.cursor {
            assert_eq!(*cursor, event.id, "the SSE event has another id than its data has a cursor");
        }
        received
    }

    fn from_line(line: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(line).expect("JSON on one line");
        let kind = value["type"].as_str().unwrap_or_else(|| panic!("no type in {value}")).to_owned();
        Self { kind, cursor: value["cursor"].as_str().map(str::to_owned), value }
    }

    /// Answers whether this is ephemeral: delivered live, never in the log.
    pub fn is_ephemeral(&self) -> bool {
        matches!(self.kind.as_str(), "typing" | "presence")
    }

    /// Answers whether this is one of the three objects that speak of the stream itself.
    pub fn is_control(&self) -> bool {
        matches!(self.kind.as_str(), "ready" | "reset" | "end")
    }

    /// Answers the text of the message that this is about.
    #[track_caller]
    pub fn text(&self) -> &str {
        let text = self.value["data"]["message"]["text"].as_str();
        text.unwrap_or_else(|| panic!("no text in {}", self.value))
    }
}

/// An open stream.
pub struct Stream {
    pub headers: HeaderMap,
    response: reqwest::Response,
    framing: Framing,
    buffered: VecDeque<Received>,
    /// Ephemeral events. They arrive whenever others act, so they are kept apart from what a test expects in order.
    ephemeral: VecDeque<Received>,
    ended: bool,
}

impl Stream {
    /// Opens a stream.
    ///
    /// # Errors
    /// When the node cannot be reached.
    ///
    /// # Panics
    /// When it refuses.
    pub async fn open(request: RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        if response.status().as_u16() != 200 {
            panic!("the stream was refused: {} {:?}", response.status(), response.text().await);
        }
        let headers = response.headers().clone();
        let framing = Framing::of(&headers);
        Ok(Self { headers, response, framing, buffered: VecDeque::new(), ephemeral: VecDeque::new(), ended: false })
    }

    /// Answers the next object that is not ephemeral.
    pub async fn next(&mut self) -> Received {
        let next = within("something comes out of the stream", ARRIVES_WITHIN, self.try_next()).await;
        next.expect("the stream goes on")
    }

    /// Answers the next object that is not a control object.
    pub async fn next_event(&mut self) -> Received {
        let received = self.next().await;
        assert!(!received.is_control(), "{}", received.value);
        received
    }

    /// Answers the next object of a kind, and skips others.
    pub async fn next_of(&mut self, kind: &str) -> Received {
        loop {
            let received = self.next().await;
            if received.kind == kind {
                return received;
            }
        }
    }

    /// Answers the next object that is not ephemeral, or nothing when the stream has ended or broken.
    pub async fn try_next(&mut self) -> Option<Received> {
        while self.buffered.is_empty() && !self.ended {
            self.read().await;
        }
        self.buffered.pop_front()
    }

    /// Answers the next ephemeral event of a kind, and leaves those of others where they are.
    pub async fn next_ephemeral(&mut self, kind: &str) -> Received {
        let read = async {
            loop {
                if let Some(index) = self.ephemeral.iter().position(|received| received.kind == kind) {
                    return self.ephemeral.remove(index);
                }
                if self.ended {
                    return None;
                }
                self.read().await;
            }
        };
        within("an ephemeral event comes", Duration::from_secs(40), read).await.expect("the stream goes on")
    }

    /// Answers how many ephemeral events of a kind have come and were not asked for.
    pub fn ephemeral_count(&self, kind: &str) -> usize {
        self.ephemeral.iter().filter(|received| received.kind == kind).count()
    }

    async fn read(&mut self) {
        match self.response.chunk().await {
            Ok(Some(bytes)) => self.feed(&bytes),
            Ok(None) | Err(_) => self.ended = true,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        for received in self.framing.feed(bytes) {
            if received.is_ephemeral() {
                assert!(received.value.get("cursor").is_none(), "{}", received.value);
                self.ephemeral.push_back(received);
            } else {
                self.buffered.push_back(received);
            }
        }
    }

    /// Waits for `end` with this code, and for the end itself. Answers the object.
    pub async fn expect_end(&mut self, code: &str) -> Received {
        let end = self.next_of("end").await;
        assert_eq!(end.value["code"], code, "{}", end.value);
        let after = within("the stream closes", ARRIVES_WITHIN, self.try_next()).await;
        assert!(after.is_none(), "after the end: {after:?}");
        end
    }

    /// Answers the reconnection time that the stream asked for.
    pub fn retry(&self) -> Option<u64> {
        match &self.framing {
            Framing::Sse(parser) => parser.retry,
            Framing::Ndjson { .. } => None,
        }
    }

    /// Waits for a heartbeat.
    pub async fn heartbeat(&mut self) {
        let before = self.framing.heartbeats();
        within("a heartbeat", Duration::from_secs(25), async {
            while self.framing.heartbeats() == before {
                let bytes = self.response.chunk().await.expect("the stream goes on").expect("the stream goes on");
                self.feed(&bytes);
            }
        })
        .await;
    }
}
