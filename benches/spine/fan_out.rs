//! One conversation that many listen to.

use super::audience::{self, Audience};
use super::figures::Figures;
use super::load::{Poster, pace};
use super::message::Clock;
use super::server::Server;
use super::stage::{CROWD, Stage};
use std::time::Duration;

/// Messages a second.
const RATE: u32 = 20;

pub async fn run(stage: &Stage, server: &Server, window: Duration, figures: &mut Figures) -> anyhow::Result<()> {
    let clock = Clock::start();
    let sender = &stage.senders[0];
    let mut streams = audience::open(server.address, &stage.people[..CROWD - 1]).await?;
    streams.extend(audience::open(server.address, std::slice::from_ref(sender)).await?);
    let audience = Audience::listen(streams, clock);
    let poster = Poster::connect(server.address, sender, vec![stage.crowd.clone()], clock).await?;
    server.settle().await?;
    let total = (f64::from(RATE) * window.as_secs_f64()) as usize;
    let before = server.usage()?;
    pace(vec![poster], clock, RATE, total).await?;
    let deliveries = (total * CROWD) as u64;
    let delays = audience.finish(deliveries).await?;
    let spent = server.spent(&before)?;
    let mut part = figures.part(format!("fan-out: one conversation, {CROWD} streams, {RATE} messages/s"));
    part.add_cpu("delivery", deliveries, &spent);
    part.add_delays(&delays);
    Ok(())
}
