//! One conversation that many listen to.

use super::Run;
use crate::figures;
use crate::load::{Load, Pace};
use crate::stage::Shape;

/// Streams of the conversation.
const CROWD: u32 = 1_000;
/// Messages a second, one by one.
const RATE: f64 = 50.0;
/// Messages of a burst, each on a connection of its own at the same moment; as many messages a second in all.
const BURST: u32 = 10;

pub fn run(run: &mut Run<'_>) -> anyhow::Result<()> {
    for who in run.present.clone() {
        run.with(who, Shape::Crowd(CROWD), |run, server, stage| {
            let mut load = Load::new(server.address)?;
            load.open(&stage.seats)?;
            for (name, connections, burst) in [(figures::Load::FanOut, 1, 1), (figures::Load::Bursts, BURST, BURST)] {
                load.post_with(stage.poster_plans(connections as usize))?;
                load.settle(server)?;
                let measured =
                    load.run(server, Pace::Open { rate: RATE / f64::from(burst), burst }, run.options.window())?;
                run.figures.add_cpu(name, who, measured.deliveries, &measured.spent);
                run.figures.add_delays(name, who, &measured);
            }
            Ok(())
        })?;
    }
    Ok(())
}
