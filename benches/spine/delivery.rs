//! How long a delivery takes when nobody is in a hurry.

use super::audience::{self, Audience};
use super::figures::Figures;
use super::load::{Poster, pace};
use super::message::Clock;
use super::server::Server;
use super::stage::Stage;
use futures_util::future::try_join_all;
use std::time::Duration;

/// Conversations, each with a sender and an open stream of its own.
const PAIRS: usize = 200;
/// Below so many sends, what the server does when it is idle, and the 10 ms in which CPU is counted, hide what they cost.
const FEWEST: u64 = 500;

pub async fn run(
    stage: &Stage,
    server: &Server,
    rate: u32,
    window: Duration,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let clock = Clock::start();
    let audience = Audience::listen(audience::open(server.address, &stage.people[..PAIRS]).await?, clock);
    let posters = stage.rooms[..PAIRS].iter().zip(&stage.senders);
    let posters = posters.map(|(room, sender)| Poster::connect(server.address, sender, vec![room.clone()], clock));
    let posters = try_join_all(posters).await?;
    server.settle().await?;
    let total = (f64::from(rate) * window.as_secs_f64()) as usize;
    let before = server.usage()?;
    let late = pace(posters, clock, rate, total).await?;
    let delays = audience.finish(total as u64).await?;
    let spent = server.spent(&before)?;
    let mut part = figures.part(format!("delivery: {rate} sends/s, {PAIRS} conversations with a stream each"));
    part.add_delays(&delays);
    part.add("the most that a send was late, ms", late.as_secs_f64() * 1e3);
    if total as u64 >= FEWEST {
        part.add_cpu("send and delivery", total as u64, &spent);
    } else {
        part.add_shares(&spent);
    }
    Ok(())
}
