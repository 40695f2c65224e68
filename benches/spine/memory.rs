//! What those cost who only wait.

use super::audience;
use super::client::Wire;
use super::figures::Figures;
use super::server::Server;
use super::stage::{Stage, User, meet};
use anyhow::{Context, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::io::ErrorKind;
use std::net::SocketAddr;

/// Streams and polls that come and go first, so that the code they run is in memory.
const FIRST: usize = 50;
/// Polls that are being sent at the same time.
const AT_ONCE: usize = 64;

pub async fn run(stage: &Stage, server: &Server, count: u32, figures: &mut Figures) -> anyhow::Result<()> {
    let users = &stage.people[..count as usize];
    // What a node remembers of a user is no part of a stream.
    meet(server.address, users.iter()).await?;
    drop((audience::open(server.address, &users[..FIRST]).await?, poll(server.address, &users[..FIRST]).await?));
    server.settle().await?;
    let without = server.memory_bytes()?;
    let streams = audience::open(server.address, users).await?;
    server.settle().await?;
    let with_streams = server.memory_bytes()?;
    let polls = poll(server.address, users).await?;
    server.settle().await?;
    let with_polls = server.memory_bytes()?;
    for wire in &polls {
        check_waits(wire)?;
    }
    drop((streams, polls));
    server.settle().await?;
    let each_kib = |more: u64, less: u64| (more as f64 - less as f64) / f64::from(count) / 1_024.0;
    let mut part = figures.part(format!("memory: {count} idle streams, then {count} waiting long polls beside them"));
    part.add("server's memory (PSS) per stream, KiB", each_kib(with_streams, without));
    part.add("server's memory (PSS) per long poll, KiB", each_kib(with_polls, with_streams));
    part.add("server's memory (PSS) without them, MiB", without as f64 / 1_048_576.0);
    Ok(())
}

/// Sends a long poll for each user.
async fn poll(address: SocketAddr, users: &[User]) -> anyhow::Result<Vec<Wire>> {
    let sending = stream::iter(users).map(async |user| {
        let mut wire = Wire::connect(address).await?;
        wire.get("/v1/updates?wait=55", &user.token).await?;
        anyhow::Ok(wire)
    });
    sending.buffer_unordered(AT_ONCE).try_collect().await.context("cannot send a long poll")
}

fn check_waits(wire: &Wire) -> anyhow::Result<()> {
    let mut bytes = [0; 512];
    match wire.socket.try_read(&mut bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error.into()),
        Ok(length) => {
            ensure!(length > 0, "a waiting poll was closed");
            bail!("a poll did not wait: {}", String::from_utf8_lossy(&bytes[..length]))
        }
    }
}
