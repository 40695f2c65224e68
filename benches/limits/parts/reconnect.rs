//! A node dies, and all its clients go to the other.

use super::Run;
use crate::figures::{self, What};
use crate::load::Load;
use crate::servers::{Home, Server, Who};
use crate::stage::{Seat, Stage, longwave};
use std::time::Instant;

/// Streams of the node that dies.
const STREAMS: u32 = 10_000;
/// Conversations that they are in, each in one.
const CONVERSATION_COUNT: u32 = 100;

/// Two nodes' database and its users.
pub struct Refuge {
    home: Home,
    stage: Stage,
}

pub fn run(run: &mut Run<'_>) -> anyhow::Result<()> {
    let refuge = match run.refuge.take() {
        Some(refuge) => refuge,
        None => prepare(run)?,
    };
    let survivor = Server::longwave(&refuge.home)?;
    let doomed = Server::second(&refuge.home)?;
    let (seats, plans) = (&refuge.stage.seats, refuge.stage.poster_plans(CONVERSATION_COUNT as usize));
    let mut load = Load::new(doomed.address)?;
    load.open(seats)?;
    load.post_to(survivor.address, plans)?;
    load.begin();
    // One after the other, so that conversations have cursors of their own.
    load.post_each(2)?;
    load.settle(&doomed)?;
    let died = Instant::now();
    doomed.kill()?;
    load.lose()?;
    load.post_unheard(1)?;
    let before = survivor.usage()?;
    load.resume(survivor.address, seats)?;
    let seconds = died.elapsed().as_secs_f64();
    let spent = survivor.spent(&before)?;
    drop(load);
    survivor.stop()?;
    run.refuge = Some(refuge);
    let (name, who) = (figures::Load::Reconnect, Who::Longwave);
    run.figures.add(name, who, What::Seconds, seconds);
    run.figures.add_cpu(name, who, STREAMS.into(), &spent);
    Ok(())
}

fn prepare(run: &Run<'_>) -> anyhow::Result<Refuge> {
    let home = run.scratch.home()?;
    let server = Server::longwave(&home)?;
    let senders = longwave::users(server.address, "sender", CONVERSATION_COUNT)?;
    let people = longwave::users(server.address, "person", STREAMS)?;
    let rooms = senders.iter().zip(people.chunks((STREAMS / CONVERSATION_COUNT) as usize));
    let ids = longwave::groups(server.address, rooms.map(|(sender, members)| (sender, members.iter().collect())))?;
    server.stop()?;
    let heads = ids.iter().zip(&senders).map(|(id, sender)| longwave::send(sender, id)).collect();
    let seats: Vec<Seat> =
        people.iter().zip(0..).map(|(person, place)| person.seat(place * CONVERSATION_COUNT / STREAMS)).collect();
    Ok(Refuge { home, stage: Stage { seats, heads } })
}
