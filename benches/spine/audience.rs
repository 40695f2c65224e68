//! Who receives: streams that hold what they get against what they must get.

use super::message::{Clock, Stamp};
use super::stage::User;
use super::stream::Stream;
use anyhow::{Context, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Streams that are being opened at the same time.
const AT_ONCE: usize = 64;
/// How long the last delivery may take after the last send was answered.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether all has arrived.
const LOOK: Duration = Duration::from_millis(2);

/// Opens a stream for each user.
pub async fn open(address: SocketAddr, users: &[User]) -> anyhow::Result<Vec<Stream>> {
    let opening = stream::iter(users).map(|user| Stream::open(address, &user.token, "/v1/stream"));
    opening.buffer_unordered(AT_ONCE).try_collect().await.context("cannot open a stream")
}

/// Streams that are being read.
pub struct Audience {
    tasks: JoinSet<anyhow::Result<Vec<Duration>>>,
    received: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Audience {
    pub fn listen(streams: Vec<Stream>, clock: Clock) -> Self {
        let (mut tasks, received, stop) = (JoinSet::new(), Arc::default(), CancellationToken::new());
        for stream in streams {
            let listener = Listener { stream, clock, next: HashMap::new(), delays: Vec::new() };
            tasks.spawn(listener.run(Arc::clone(&received), stop.clone()));
        }
        Self { tasks, received, stop }
    }

    /// Waits until so many deliveries have come, and answers how long each took, the shortest first.
    ///
    /// # Errors
    /// Not all come, more come, or a stream broke or got something else than what comes next.
    pub async fn finish(mut self, expected: u64) -> anyhow::Result<Vec<Duration>> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.received.load(Ordering::Relaxed) < expected {
            if tokio::time::Instant::now() > deadline {
                bail!("{} of {expected} deliveries are missing", expected - self.received.load(Ordering::Relaxed));
            }
            if let Ok(Some(ended)) = tokio::time::timeout(LOOK, self.tasks.join_next()).await {
                ended??;
            }
        }
        self.stop.cancel();
        let mut delays = Vec::new();
        while let Some(ended) = self.tasks.join_next().await {
            delays.append(&mut ended??);
        }
        ensure!(delays.len() as u64 == expected, "{} deliveries instead of {expected}", delays.len());
        delays.sort_unstable();
        Ok(delays)
    }
}

struct Listener {
    stream: Stream,
    clock: Clock,
    /// The number that comes next in each room.
    next: HashMap<usize, u64>,
    delays: Vec<Duration>,
}

impl Listener {
    async fn run(mut self, received: Arc<AtomicU64>, stop: CancellationToken) -> anyhow::Result<Vec<Duration>> {
        loop {
            let event = tokio::select! {
                event = self.stream.next() => event?,
                () = stop.cancelled() => return Ok(self.delays),
            };
            let now = self.clock.now();
            let stamp = Stamp::read(event.data()?).with_context(|| format!("not one of ours: {:?}", event.data()))?;
            self.check(stamp)?;
            self.delays.push(now.saturating_sub(stamp.written));
            received.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn check(&mut self, stamp: Stamp) -> anyhow::Result<()> {
        let next = self.next.entry(stamp.room).or_default();
        ensure!(stamp.number == *next, "message {} of room {} came where {next} was due", stamp.number, stamp.room);
        *next += 1;
        Ok(())
    }
}
