//! What a request costs in logs of different lengths.
//!
//! Lifecycle: at first, three logs are filled by SQL ([`fill`]), which takes minutes; then each round asks all of them.
//! Requests come one after the other on one connection, so that each is a batch of its own and finds nothing warmed by
//! its neighbours.

mod fill;
mod postgres;

use super::Run;
use crate::figures::{Load, Request, What, median};
use crate::goals::{LARGE, SMALL};
use crate::message::Stamp;
use crate::net::client::Client;
use crate::servers::{Home, Server, Who};
use crate::stage::longwave::{self, User};
use anyhow::Context;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Events of the logs.
const LOGS: [u64; 3] = [SMALL, 1_000_000, LARGE];
/// In a quick run.
const QUICK_LOGS: [u64; 2] = [SMALL, 100_000];
/// How long each request is asked before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);
const REQUESTS: [Request; 4] = [Request::Send, Request::History, Request::CatchUp, Request::List];
/// A page of the events that the reader has missed.
const PAGE: usize = 100;

/// A log that has been filled.
pub struct Log {
    events: u64,
    home: Home,
}

pub fn run(run: &mut Run<'_>) -> anyhow::Result<()> {
    if run.logs.is_empty() {
        let sizes: &[u64] = if run.options.quick { &QUICK_LOGS } else { &LOGS };
        for events in sizes.iter().copied() {
            let home = run.scratch.home()?;
            fill::fill(&home, events)?;
            run.logs.push(Log { events, home });
        }
    }
    for index in 0..run.logs.len() {
        let Log { events, home } = &run.logs[index];
        let (events, server) = (*events, Server::longwave(home)?);
        let asked = Asked::prepare(&server)?;
        for request in REQUESTS {
            ask(run, &server, &asked, request, events)?;
        }
        server.stop()?;
    }
    Ok(())
}

/// Asks for one thing again and again.
fn ask(run: &mut Run<'_>, server: &Server, asked: &Asked, request: Request, events: u64) -> anyhow::Result<()> {
    let mut client = Client::connect(server.address)?;
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < WARM_UP {
        asked.ask(&mut client, request, count)?;
        count += 1;
    }
    let (before, begun, mut times) = (server.usage()?, Instant::now(), Vec::new());
    while begun.elapsed() < run.options.window() {
        let asking = Instant::now();
        asked.ask(&mut client, request, count)?;
        times.push(asking.elapsed().as_secs_f64() * 1e3);
        count += 1;
    }
    let spent = server.spent(&before)?;
    let (load, who) = (Load::Grown(request, events), Who::Longwave);
    run.figures.add_cpu(load, who, times.len() as u64, &spent);
    run.figures.add(load, who, What::P50Ms, median(&times));
    Ok(())
}

/// Who asks, and for what.
struct Asked {
    /// Heads of sends to a thousand conversations.
    sends: Vec<Vec<u8>>,
    /// Newest pages of conversations whose messages lie all over the log.
    pages: Vec<Vec<u8>>,
    catch_up: Vec<u8>,
    list: Vec<u8>,
}

impl Asked {
    fn prepare(server: &Server) -> anyhow::Result<Self> {
        let users = longwave::users(server.address, "user", fill::USERS)?;
        let owner = |conversation: u32| &users[(conversation % fill::USERS) as usize];
        let send = |conversation: u32| longwave::send(owner(conversation), &fill::conversation(conversation));
        let page = |conversation: u32| {
            let id = fill::conversation(conversation);
            owner(conversation).get(&format!("/v1/conversations/{id}/messages?limit=50"))
        };
        let reader = longwave::users(server.address, "reader", 1)?.remove(0);
        let cursor = cursor(server, &reader)?;
        Ok(Self {
            sends: fill::active().map(send).collect(),
            pages: fill::probes().map(page).collect(),
            catch_up: reader.get(&format!("/v1/updates?after={cursor}&wait=0&limit={PAGE}")),
            list: reader.get("/v1/conversations"),
        })
    }

    fn ask(&self, client: &mut Client, request: Request, count: usize) -> anyhow::Result<()> {
        match request {
            Request::Send => {
                let mut request = self.sends[count % self.sends.len()].clone();
                Stamp { room: 0, number: 0, due: Duration::ZERO }.write(&mut request)?;
                client.ask(&request)?;
            }
            Request::History => check(client.ask(&self.pages[count % self.pages.len()])?, "items", 50)?,
            Request::CatchUp => check(client.ask(&self.catch_up)?, "events", PAGE)?,
            Request::List => check(client.ask(&self.list)?, "items", 50)?,
        }
        Ok(())
    }
}

/// Checks that a page is full, by what each of its items has once.
fn check(body: &[u8], list: &str, count: usize) -> anyhow::Result<()> {
    let mark: &[u8] = if list == "events" { b"\"type\":" } else { b"\"created_at\":" };
    let found = memchr::memmem::find_iter(body, mark).count();
    anyhow::ensure!(found >= count, "a page of {found} {list} instead of {count}");
    Ok(())
}

/// The cursor of the message before those that the reader has missed.
fn cursor(server: &Server, reader: &User) -> anyhow::Result<String> {
    let id = fill::conversation(fill::news(0));
    let path = format!("/v1/conversations/{id}/messages?limit=200");
    let page: Value = serde_json::from_slice(Client::connect(server.address)?.ask(&reader.get(&path))?)?;
    let items = page["items"].as_array().context("no history")?;
    let last = items.iter().find(|item| item["text"] == fill::LAST_READ).context("the last message read is gone")?;
    Ok(last["cursor"].as_str().context("a message without a cursor")?.to_owned())
}
