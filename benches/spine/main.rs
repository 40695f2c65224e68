//! What a message costs on its way: sends, deliveries, a crowd, those who only wait, and one who was away.
//!
//! Starts the server with an embedded PostgreSQL of its own in a temporary directory, drives it over loopback from this
//! process, and prints medians. Rounds run in turn, each on a server process started anew on the same data, so that a
//! figure's spread shows what the machine did meanwhile. Whatever is refused, missing or out of order ends the run.

mod audience;
mod catch_up;
mod client;
mod delivery;
mod fan_out;
mod figures;
mod load;
mod memory;
mod message;
mod options;
mod sends;
mod server;
mod stage;
mod stream;
mod usage;

use anyhow::{Context, bail};
use clap::Parser;
use figures::Figures;
use options::{Options, Part};
use server::{DataDir, Server};
use stage::Stage;
use std::time::{Duration, Instant};

/// How long the preparation or one part of a round may take, beside its window.
const PATIENCE: Duration = Duration::from_secs(60);

// One thread: the load must leave the cores to the server as far as it can.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if cfg!(debug_assertions) {
        // `cargo test --all-targets` comes by here.
        eprintln!("this is a debug build, which says nothing: cargo bench --bench spine");
        return Ok(());
    }
    options.check()?;
    let dir = DataDir::make()?;
    let sync_time = dir.sync_time()?;
    let ran = tokio::select! {
        ran = run(&options, &dir) => ran,
        signalled = tokio::signal::ctrl_c() => signalled.context("cannot wait for a signal").and_then(|()| bail!("interrupted")),
    };
    let figures = ran.inspect_err(|_| eprintln!("{}", dir.last_words()))?;
    println!("{}{figures}", options.title(sync_time));
    Ok(())
}

async fn run(options: &Options, dir: &DataDir) -> anyhow::Result<Figures> {
    let mut figures = Figures::default();
    let mut stage = None;
    for round in 1..=options.rounds {
        let server = Server::start(dir).await?;
        let stage = match &mut stage {
            Some(stage) => stage,
            None => stage.insert(prepare(options, &server).await?),
        };
        for part in options.parts() {
            let begun = Instant::now();
            eprint!("round {round} of {}: {part} ... ", options.rounds);
            let limit = PATIENCE + 3 * options.window();
            let ran = tokio::time::timeout(limit, run_part(part, options, stage, &server, &mut figures));
            ran.await.with_context(|| format!("{part} took more than {limit:?}"))?.context(part)?;
            eprintln!("{:.1} s", begun.elapsed().as_secs_f64());
        }
        server.stop().await?;
    }
    Ok(figures)
}

async fn prepare(options: &Options, server: &Server) -> anyhow::Result<Stage> {
    let begun = Instant::now();
    eprint!("users and conversations ... ");
    let stage = tokio::time::timeout(PATIENCE, Stage::prepare(options, server));
    let stage = stage.await.context("users and conversations took too long")??;
    eprintln!("{:.1} s", begun.elapsed().as_secs_f64());
    Ok(stage)
}

async fn run_part(
    part: Part,
    options: &Options,
    stage: &Stage,
    server: &Server,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let window = options.window();
    match part {
        Part::Memory => memory::run(stage, server, options.streams, figures).await,
        Part::Sends => {
            sends::run(stage, server, sends::Shape { senders: 32, heard: false }, window, figures).await?;
            sends::run(stage, server, sends::Shape { senders: 32, heard: true }, window, figures).await?;
            sends::run(stage, server, sends::Shape { senders: 256, heard: false }, window, figures).await
        }
        Part::Delivery => {
            delivery::run(stage, server, 500, window, figures).await?;
            delivery::run(stage, server, 10, window, figures).await
        }
        Part::FanOut => fan_out::run(stage, server, window, figures).await,
        Part::CatchUp => catch_up::run(stage, server, figures).await,
    }
}
