//! A thousand conversations with one receiver each.

use super::Run;
use crate::figures::{self, What};
use crate::load::{Load, Pace};
use crate::servers::Who;
use crate::stage::Shape;
use anyhow::Context;
use std::time::Duration;

const CONVERSATION_COUNT: u32 = 1_000;
/// Senders as fast as they are answered.
const CLOSED: [u32; 2] = [32, 256];
/// Connections of the open loops.
const CONNECTIONS: usize = 256;
/// Sends a second when nobody is in a hurry, and for how long at least: a hundred delays.
const SLOW_RATE: f64 = 10.0;
const SLOW_WINDOW: Duration = Duration::from_secs(10);

pub fn run(run: &mut Run<'_>) -> anyhow::Result<()> {
    let mut slower = f64::INFINITY;
    for who in run.present.clone() {
        closed(run, who)?;
        if matches!(who, Who::Longwave | Who::Durable) {
            let rate = |senders| run.figures.newest(figures::Load::Closed(senders), who, What::Rate);
            let most = CLOSED.into_iter().filter_map(rate).max_by(f64::total_cmp).context("no maximum")?;
            slower = slower.min(most);
        }
    }
    for who in run.present.clone() {
        open(run, who, (slower / 2.0).round())?;
    }
    polls(run, (slower / 2.0).round())
}

fn closed(run: &mut Run<'_>, who: Who) -> anyhow::Result<()> {
    run.with(who, Shape::Pairs(CONVERSATION_COUNT), |run, server, stage| {
        let mut load = Load::new(server.address)?;
        load.open(&stage.seats)?;
        for senders in CLOSED {
            let name = figures::Load::Closed(senders);
            load.post_with(stage.poster_plans(senders as usize))?;
            load.settle(server)?;
            let measured = load.run(server, Pace::Restless, run.options.window())?;
            run.figures.add(name, who, What::Rate, measured.sends as f64 / measured.spent.elapsed.as_secs_f64());
            run.figures.add_cpu(name, who, measured.deliveries, &measured.spent);
            run.figures.add_delays(name, who, &measured);
        }
        Ok(())
    })
}

fn open(run: &mut Run<'_>, who: Who, rate: f64) -> anyhow::Result<()> {
    run.with(who, Shape::Pairs(CONVERSATION_COUNT), |run, server, stage| {
        let mut load = Load::new(server.address)?;
        load.open(&stage.seats)?;
        load.post_with(stage.poster_plans(CONNECTIONS))?;
        load.settle(server)?;
        let measured = load.run(server, Pace::Open { rate, burst: 1 }, run.options.window())?;
        run.figures.add(figures::Load::Open, who, What::Rate, rate);
        run.figures.add_cpu(figures::Load::Open, who, measured.deliveries, &measured.spent);
        run.figures.add_delays(figures::Load::Open, who, &measured);
        load.settle(server)?;
        let window = run.options.window().max(SLOW_WINDOW);
        let measured = load.run(server, Pace::Open { rate: SLOW_RATE, burst: 1 }, window)?;
        run.figures.add_delays(figures::Load::Slow, who, &measured);
        Ok(())
    })
}

fn polls(run: &mut Run<'_>, rate: f64) -> anyhow::Result<()> {
    let (who, name) = (Who::Longwave, figures::Load::OpenPolls);
    run.with(who, Shape::Pairs(CONVERSATION_COUNT), |run, server, stage| {
        let mut load = Load::new(server.address)?;
        load.poll(&stage.seats)?;
        load.post_with(stage.poster_plans(CONNECTIONS))?;
        load.settle(server)?;
        let measured = load.run(server, Pace::Open { rate, burst: 1 }, run.options.window())?;
        run.figures.add(name, who, What::Rate, rate);
        run.figures.add_cpu(name, who, measured.deliveries, &measured.spent);
        run.figures.add_delays(name, who, &measured);
        Ok(())
    })
}
