//! What those cost who only wait.
//!
//! Memory of the server's own processes with them, less that without them. A server that has just been started is asked nothing
//! but to hold them, so that all that it keeps on their account is counted: what it remembers of users, too.

use super::Run;
use crate::figures::{self, What};
use crate::load::Load;
use crate::servers::{Server, Who};
use crate::stage::{Seat, Shape};
use std::time::Duration;

/// Streams or polls that come and go first, so that the code they run is in memory.
const FIRST: usize = 50;
/// How long all must have waited: longer than the 15 s between two heartbeats of any of the servers.
const HEARTBEAT: Duration = Duration::from_secs(17);

pub fn run(run: &mut Run<'_>) -> anyhow::Result<()> {
    let count = run.options.idle();
    for who in run.present.clone().into_iter().filter(|who| *who != Who::Floor) {
        hold(run, who, Shape::Idle(count), figures::Load::IdleStreams, Load::open)?;
    }
    hold(run, Who::Longwave, Shape::Idle(count), figures::Load::IdlePolls, Load::poll)?;
    hold(run, Who::Longwave, Shape::Members(count), figures::Load::IdleMembers, Load::open)
}

fn hold(
    run: &mut Run<'_>,
    who: Who,
    shape: Shape,
    name: figures::Load,
    open: fn(&mut Load, &[Seat]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    run.with(who, shape, |run, server, stage| {
        let mut first = Load::new(server.address)?;
        open(&mut first, &stage.seats[..FIRST])?;
        drop(first);
        let without = calm(server)?;
        let mut load = Load::new(server.address)?;
        open(&mut load, &stage.seats)?;
        load.settle(server)?;
        if !run.options.quick {
            load.rest(HEARTBEAT)?;
        }
        let more = server.memory_bytes()? as f64 - without as f64;
        run.figures.add(name, who, What::MemoryKib, more / stage.seats.len() as f64 / 1_024.0);
        Ok(())
    })
}

/// The memory of a server that has nobody.
fn calm(server: &Server) -> anyhow::Result<u64> {
    Load::new(server.address)?.settle(server)?;
    server.memory_bytes()
}
