//! As many sends as the machine takes, over a thousand conversations.

use super::audience::{self, Audience};
use super::figures::Figures;
use super::load::{Poster, Restless};
use super::message::Clock;
use super::server::Server;
use super::stage::{ROOMS, Stage};
use futures_util::future::try_join_all;
use std::time::Duration;

/// How long the load runs before it is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// Which load.
#[derive(Clone, Copy)]
pub struct Shape {
    pub senders: usize,
    /// Whether each conversation has an open stream.
    pub heard: bool,
}

pub async fn run(
    stage: &Stage,
    server: &Server,
    shape: Shape,
    window: Duration,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let clock = Clock::start();
    let heard = if shape.heard { &stage.people[..ROOMS] } else { &[] };
    let audience = Audience::listen(audience::open(server.address, heard).await?, clock);
    let posters = stage.senders[..shape.senders].iter().enumerate().map(|(number, sender)| {
        let rooms = stage.rooms.iter().filter(|room| room.index % shape.senders == number);
        Poster::connect(server.address, sender, rooms.cloned().collect(), clock)
    });
    let posters = try_join_all(posters).await?;
    server.settle().await?;
    let load = Restless::start(posters);
    tokio::time::sleep(WARM_UP).await;
    let (before, sent_before) = (server.usage()?, load.sent());
    tokio::time::sleep(window).await;
    let (spent, sent) = (server.spent(&before)?, load.sent() - sent_before);
    let all = load.stop().await?;
    let delays = audience.finish(if shape.heard { all } else { 0 }).await?;
    let heard = if shape.heard { ", one delivery each" } else { "" };
    let mut part = figures.part(format!("sends: {} senders, {ROOMS} conversations{heard}", shape.senders));
    part.add("sends/s", sent as f64 / spent.elapsed.as_secs_f64());
    part.add_cpu("send", sent, &spent);
    part.add_delays(&delays);
    Ok(())
}
