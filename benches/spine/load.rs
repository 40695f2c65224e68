//! Who sends: as fast as the answers come, or at a rate.

use super::client::Client;
use super::message::{Clock, Stamp};
use super::stage::{Room, User};
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long after the call a paced load begins: connections are open by then.
const RUN_UP: Duration = Duration::from_millis(300);

/// A sender who posts to some rooms in turn, each message after the answer to the one before.
pub struct Poster {
    client: Client,
    rooms: Vec<Room>,
    posted: usize,
    clock: Clock,
}

impl Poster {
    pub async fn connect(address: SocketAddr, sender: &User, rooms: Vec<Room>, clock: Clock) -> anyhow::Result<Self> {
        Ok(Self { client: Client::connect(address, &sender.token).await?, rooms, posted: 0, clock })
    }

    /// Sends one message; answers when its request was written.
    pub async fn post(&mut self) -> anyhow::Result<Duration> {
        let room = &self.rooms[self.posted % self.rooms.len()];
        let number = (self.posted / self.rooms.len()) as u64;
        let path = format!("/v1/conversations/{}/messages", room.id);
        let written = self.clock.now();
        self.client.post(&path, &Stamp { room: room.index, number, written }.body()).await.context("a send failed")?;
        self.posted += 1;
        Ok(written)
    }
}

/// Senders who never rest.
pub struct Restless {
    tasks: JoinSet<anyhow::Result<()>>,
    sent: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Restless {
    pub fn start(posters: Vec<Poster>) -> Self {
        let (mut tasks, sent, stop) = (JoinSet::new(), Arc::default(), CancellationToken::new());
        for mut poster in posters {
            let (sent, stop): (Arc<AtomicU64>, _) = (Arc::clone(&sent), stop.clone());
            tasks.spawn(async move {
                while !stop.is_cancelled() {
                    poster.post().await?;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        Self { tasks, sent, stop }
    }

    /// How many messages were sent and answered.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits for the answers that are due, and answers how many there were in all.
    pub async fn stop(mut self) -> anyhow::Result<u64> {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(self.sent())
    }
}

/// Sends `total` messages, `rate` a second, by the posters in turn; answers by how much the most delayed was late.
/// A late answer delays its own poster alone.
pub async fn pace(posters: Vec<Poster>, clock: Clock, rate: u32, total: usize) -> anyhow::Result<Duration> {
    let (begin, period, count) = (clock.now() + RUN_UP, Duration::from_secs(1) / rate, posters.len());
    let mut tasks = JoinSet::new();
    for (first, mut poster) in posters.into_iter().enumerate() {
        tasks.spawn(async move {
            let mut latest = Duration::ZERO;
            for turn in (first..total).step_by(count) {
                let due = begin + period * turn as u32;
                tokio::time::sleep_until(clock.at(due)).await;
                latest = latest.max(poster.post().await?.saturating_sub(due));
            }
            anyhow::Ok(latest)
        });
    }
    let mut latest = Duration::ZERO;
    while let Some(ended) = tasks.join_next().await {
        latest = latest.max(ended??);
    }
    Ok(latest)
}
