//! One client who was away.

use super::Run;
use crate::figures::{self, What};
use crate::load::Load;
use crate::message::Stamps;
use crate::net::client::Client;
use crate::net::lines::Lines;
use crate::net::socket::SCRATCH_BYTES;
use crate::servers::{Home, Server, Who};
use crate::stage::longwave::{self, User};
use crate::stage::{PosterPlan, Stage};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Events that the client is behind, and the conversations that they are in.
const EVENTS: usize = 100_000;
const CONVERSATION_COUNT: u32 = 100;
/// How long the next event may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A log that somebody has missed.
pub struct Behind {
    home: Home,
    reader: User,
    cursor: String,
}

pub fn run(run: &mut Run<'_>) -> anyhow::Result<()> {
    let behind = match run.behind.take() {
        Some(behind) => behind,
        None => prepare(run)?,
    };
    // Started anew, so that nothing of the log is in the server's memory.
    let server = Server::longwave(&behind.home)?;
    Load::new(server.address)?.settle(&server)?;
    let before = server.usage()?;
    read(&server, &behind)?;
    let spent = server.spent(&before)?;
    server.stop()?;
    run.behind = Some(behind);
    let (load, who) = (figures::Load::CatchUp, Who::Longwave);
    run.figures.add(load, who, What::Rate, EVENTS as f64 / spent.elapsed.as_secs_f64());
    run.figures.add_cpu(load, who, EVENTS as u64, &spent);
    Ok(())
}

/// Reads all that was missed from one stream.
fn read(server: &Server, behind: &Behind) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(server.address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&behind.reader.get(&format!("/v1/stream?after={}", behind.cursor)))?;
    let (mut lines, mut scratch, stamps) = (Lines::default(), vec![0; SCRATCH_BYTES], Stamps::new());
    let (mut next, mut count) = ([0; CONVERSATION_COUNT as usize], 0);
    while count < EVENTS {
        let length = stream.read(&mut scratch).with_context(|| format!("{count} of {EVENTS} events came"))?;
        ensure!(length > 0, "the stream ended after {count} events");
        lines.add(&scratch[..length], &mut |line| {
            for stamp in stamps.of(line) {
                let due = &mut next[stamp.room as usize];
                ensure!(stamp.number == *due, "message {due} was due where this came: {stamp:?}");
                *due += 1;
                count += 1;
            }
            Ok(())
        })?;
    }
    ensure!(count == EVENTS, "{count} events instead of {EVENTS}");
    Ok(())
}

/// Lets many conversations of one user go on while that user is away.
fn prepare(run: &Run<'_>) -> anyhow::Result<Behind> {
    let home = run.scratch.home()?;
    let server = Server::longwave(&home)?;
    let senders = longwave::users(server.address, "sender", CONVERSATION_COUNT)?;
    let reader = longwave::users(server.address, "reader", 1)?.remove(0);
    let ids = longwave::groups(server.address, senders.iter().map(|sender| (sender, vec![&reader])))?;
    let mut client = Client::connect(server.address)?;
    let now: Value = serde_json::from_slice(client.ask(&reader.get("/v1/updates?after=now&wait=0"))?)?;
    let cursor = now["cursor"].as_str().context("a poll without a cursor")?.to_owned();
    let heads = ids.iter().zip(&senders).map(|(id, sender)| longwave::send(sender, id)).collect();
    let plans: Vec<PosterPlan> = Stage { seats: Vec::new(), heads }.poster_plans(CONVERSATION_COUNT as usize);
    let mut load = Load::new(server.address)?;
    load.post_with(plans)?;
    load.post_each(EVENTS / CONVERSATION_COUNT as usize)?;
    drop(load);
    server.stop()?;
    Ok(Behind { home, reader, cursor })
}
