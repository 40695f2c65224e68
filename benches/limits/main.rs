//! What Longwave costs at its limits, beside others: memory of those who wait, CPU and delay of a delivery, sends a second,
//! catching up, a node's death, readers who stall, and a log that has grown.
//!
//! Starts every server anew for every load, in a temporary directory, drives it over loopback from this process, and
//! prints medians and their ratios. In each round all servers get the same load, one after the other, so that a
//! figure's spread shows what the machine did meanwhile. Whatever is refused, missing or out of order ends the run.

mod figures;
mod goals;
mod interrupt;
mod load;
mod message;
mod net;
mod options;
mod parts;
mod report;
mod scratch;
mod servers;
mod stage;
mod usage;

use clap::{Parser, ValueEnum};
use figures::Figures;
use options::{Options, Part};
use parts::Run;
use report::Machine;
use scratch::Scratch;
use servers::{Who, floor};
use std::time::Instant;

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some(floor::ARGUMENT) {
        return floor::serve();
    }
    let options = Options::parse();
    if cfg!(debug_assertions) {
        // `cargo test --all-targets` comes by here.
        eprintln!("this is a debug build, which says nothing: cargo bench --bench limits");
        return Ok(());
    }
    options.check()?;
    interrupt::watch()?;
    let scratch = Scratch::make_own()?;
    let all = [Who::Longwave, Who::Floor, Who::Durable, Who::Nchan];
    let present: Vec<Who> = all.into_iter().filter(|who| who.version().is_some()).collect();
    let machine = Machine::read(&scratch, &present)?;
    let figures = run(&options, &scratch, present).inspect_err(|_| eprintln!("{}", scratch.last_words()))?;
    report::print(&options, &machine, &figures)?;
    if options.writes() {
        report::write(&options, &machine, &figures)?;
    }
    Ok(())
}

fn run(options: &Options, scratch: &Scratch, present: Vec<Who>) -> anyhow::Result<Figures> {
    let mut run = Run::new(options, scratch, present);
    for round in 1..=options.rounds() {
        for part in Part::value_variants().iter().copied().filter(|part| options.has(*part)) {
            let begun = Instant::now();
            eprint!("round {round} of {}: {part}: ", options.rounds());
            run.part(part)?;
            eprintln!("{:.1} s", begun.elapsed().as_secs_f64());
        }
    }
    Ok(run.figures)
}
