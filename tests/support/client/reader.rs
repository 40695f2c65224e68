//! A client that keeps nothing but a cursor. It changes nodes and transports, and its connections are cut at any byte.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use super::stream::{Framing, Received};
use super::user::{User, query};

/// The time without any event after which a reader fails: longer than any fault lasts.
const PROGRESSES_WITHIN: Duration = Duration::from_secs(60);

/// A transport by which events are received.
#[derive(Clone, Copy, Debug)]
pub enum Transport {
    Sse,
    Ndjson,
    Poll,
}

impl Transport {
    /// Answers any of the three.
    pub fn random() -> Self {
        [Self::Sse, Self::Ndjson, Self::Poll][fastrand::usize(..3)]
    }
}

/// A reader. Its cursor is that of the last event that it has processed completely.
pub struct Reader {
    user: User,
    cursor: String,
    pub events: Vec<Received>,
}

impl Reader {
    /// Makes a reader that has everything up to `cursor`.
    pub fn new(user: &User, cursor: &str) -> Self {
        Self { user: user.clone(), cursor: cursor.to_owned(), events: Vec::new() }
    }

    /// Answers whose events these are.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Reads until `done`, by connections to random ones of the first `nodes` nodes, with random transports, each cut at a
    /// random byte.
    ///
    /// # Panics
    /// When nothing new came for a long time.
    pub async fn read_with_random_faults(&mut self, nodes: usize, mut done: impl FnMut(&[Received]) -> bool) {
        let (mut count, mut progressed) = (0, Instant::now());
        while !done(&self.events) {
            if self.events.len() > count {
                (count, progressed) = (self.events.len(), Instant::now());
            }
            assert!(progressed.elapsed() < PROGRESSES_WITHIN, "{} got nothing after {}", self.user.name, self.cursor);
            // Mostly less than an event or two, now and then more than the largest one.
            let bytes = fastrand::usize(1..4_000) << fastrand::u8(..5);
            let time = Duration::from_millis(fastrand::u64(50..1_500));
            let leg = self.connect_once(fastrand::usize(..nodes), Transport::random(), bytes, time).await;
            if leg.is_err() {
                tokio::time::sleep(Duration::from_millis(fastrand::u64(20..200))).await;
            }
        }
    }

    /// Connects, reads at most `bytes` bytes for at most `time`, and drops the connection where it stands.
    ///
    /// # Errors
    /// When the node cannot be reached, refuses, or goes away.
    pub async fn connect_once(
        &mut self,
        node: usize,
        transport: Transport,
        bytes: usize,
        time: Duration,
    ) -> anyhow::Result<()> {
        let user = self.user.on(node);
        let reading = async {
            match transport {
                Transport::Poll => self.poll(&user, bytes).await,
                Transport::Sse => self.stream(&user, "text/event-stream", bytes).await,
                Transport::Ndjson => self.stream(&user, "application/x-ndjson", bytes).await,
            }
        };
        tokio::time::timeout(time, reading).await.unwrap_or(Ok(()))
    }

    async fn stream(&mut self, user: &User, accept: &str, mut bytes: usize) -> anyhow::Result<()> {
        let mut response = open(self.resumption(user).header("accept", accept)).await?;
        let mut framing = Framing::of(response.headers());
        while let Some(chunk) = response.chunk().await? {
            let taken = chunk.len().min(bytes);
            bytes -= taken;
            for received in framing.feed(&chunk[..taken]) {
                self.process(received);
            }
            if bytes == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Answers a request for a stream from the cursor, named in either of the two ways.
    fn resumption(&self, user: &User) -> RequestBuilder {
        if fastrand::bool() {
            user.request(Method::GET, &format!("/v1/stream{}", query(&[("after", &self.cursor)])))
        } else {
            user.request(Method::GET, "/v1/stream?after=now").header("last-event-id", &self.cursor)
        }
    }

    async fn poll(&mut self, user: &User, mut bytes: usize) -> anyhow::Result<()> {
        loop {
            let limit = fastrand::u8(1..=200).to_string();
            let query = query(&[("after", &self.cursor), ("wait", "1"), ("limit", &limit)]);
            let mut response = open(user.request(Method::GET, &format!("/v1/updates{query}"))).await?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                if chunk.len() >= bytes {
                    return Ok(());
                }
                bytes -= chunk.len();
                body.extend_from_slice(&chunk);
            }
            self.process_batch(&serde_json::from_slice(&body).context("a whole batch")?);
        }
    }

    /// Processes a batch or, like a client that crashes midway, only its beginning.
    fn process_batch(&mut self, batch: &Value) {
        assert_eq!(batch["from"], self.cursor.as_str(), "a batch from elsewhere");
        let events = batch["events"].as_array().expect("events");
        let crash = (!events.is_empty() && fastrand::u8(..4) == 0).then(|| fastrand::usize(1..=events.len()));
        for event in &events[..crash.unwrap_or(events.len())] {
            let kind = event["type"].as_str().expect("a type").to_owned();
            let cursor = Some(event["cursor"].as_str().expect("a cursor").to_owned());
            self.process(Received { kind, cursor, value: event.clone() });
        }
        if crash.is_none() {
            batch["cursor"].as_str().expect("a cursor").clone_into(&mut self.cursor);
        }
    }

    fn process(&mut self, received: Received) {
        assert_ne!(received.kind, "reset", "the cursor {} is good: {}", self.cursor, received.value);
        let Some(cursor) = &received.cursor else { return };
        self.cursor.clone_from(cursor);
        if !received.is_control() {
            self.events.push(received);
        }
    }
}

async fn open(request: RequestBuilder) -> anyhow::Result<Response> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    assert!(status == 200 || status >= 500, "refused with {status}: {:?}", response.text().await);
    ensure!(status == 200, "refused with {status}");
    Ok(response)
}
