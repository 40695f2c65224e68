//! A busy conversation whose members all say how far they have read.

use super::Run;
use crate::figures::{self, What};
use crate::interrupt;
use crate::load::{Load, Pace};
use crate::net::answer::Partial;
use crate::net::client::Client;
use crate::net::epoll::Epoll;
use crate::net::socket::{SCRATCH_BYTES, Socket};
use crate::servers::Who;
use crate::stage::{Seat, Shape};
use anyhow::{Context, ensure};
use memchr::memmem;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Members of the conversation who listen and read.
const CROWD: u32 = 1_000;
/// Messages a second.
const RATE: f64 = 50.0;
/// How often it is looked how far there is to read.
const LOOK: Duration = Duration::from_millis(20);

pub fn run(run: &mut Run<'_>) -> anyhow::Result<()> {
    run.with(Who::Longwave, Shape::Crowd(CROWD), |run, server, stage| {
        let conversation = conversation(&stage.heads[0])?;
        let mut load = Load::new(server.address)?;
        load.open(&stage.seats)?;
        load.post_with(stage.poster_plans(1))?;
        load.settle(server)?;
        let (stop, marks) = (AtomicBool::new(false), AtomicU64::new(0));
        let first = head(server.address, &stage.seats[0])?;
        let (measured, elapsed) = thread::scope(|scope| {
            let readers = scope.spawn(|| read_on(server.address, &stage.seats, &conversation, &stop, &marks));
            let begun = std::time::Instant::now();
            let measured = load.run(server, Pace::Open { rate: RATE, burst: 1 }, run.options.window());
            let elapsed = begun.elapsed();
            stop.store(true, Ordering::Relaxed);
            readers.join().map_err(|_| anyhow::anyhow!("the readers failed"))??;
            anyhow::Ok((measured?, elapsed))
        })?;
        let logged = head(server.address, &stage.seats[0])?.1 - first.1;
        let seconds = elapsed.as_secs_f64();
        let marks = marks.load(Ordering::Relaxed) as f64;
        let figures = &mut run.figures;
        let load = figures::Load::Reads;
        figures.add(load, Who::Longwave, What::Rate, marks / seconds);
        figures.add(load, Who::Longwave, What::ReadEvents, (logged as f64 - RATE * seconds) / seconds);
        let busy = measured.spent.total().as_secs_f64() / measured.spent.elapsed.as_secs_f64();
        figures.add(load, Who::Longwave, What::CoresPercent, busy * 100.0);
        figures.add_delays(load, Who::Longwave, &measured);
        Ok(())
    })
}

/// The id of the conversation that a request sends to.
fn conversation(head: &[u8]) -> anyhow::Result<String> {
    const BEFORE: &[u8] = b"/v1/conversations/";
    let begin = memmem::find(head, BEFORE).context("a send to no conversation")? + BEFORE.len();
    Ok(String::from_utf8(head[begin..begin + 36].to_vec())?)
}

/// The head of the log: the cursor, and the position inside.
fn head(address: SocketAddr, seat: &Seat) -> anyhow::Result<(String, u64)> {
    let mut client = Client::connect(address)?;
    cursor_of(client.ask(&newest(seat))?)
}

fn newest(seat: &Seat) -> Vec<u8> {
    let token = &seat.token;
    let path = "/v1/updates?after=now&wait=0";
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

fn cursor_of(body: &[u8]) -> anyhow::Result<(String, u64)> {
    use base64::Engine as _;
    let answer: Value = serde_json::from_slice(body)?;
    let cursor = answer["cursor"].as_str().context("a poll without a cursor")?.to_owned();
    let plain = String::from_utf8(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&cursor)?)?;
    let position = plain.rsplit('.').next().context("a cursor without a position")?.parse()?;
    Ok((cursor, position))
}

struct Reader {
    socket: Socket,
    partial: Partial,
    token: String,
}

impl Reader {
    fn mark(&mut self, conversation: &str, cursor: &str) -> anyhow::Result<()> {
        let (token, body) = (&self.token, format!("{{\"cursor\":\"{cursor}\"}}"));
        let request = format!(
            "PUT /v1/conversations/{conversation}/read HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.socket.send(request.as_bytes())
    }
}

/// Lets everybody mark the newest message as read, and again as soon as that is answered.
fn read_on(
    address: SocketAddr,
    seats: &[Seat],
    conversation: &str,
    stop: &AtomicBool,
    marks: &AtomicU64,
) -> anyhow::Result<()> {
    let (mut epoll, mut scratch, mut ready) = (Epoll::make()?, vec![0; SCRATCH_BYTES], Vec::new());
    let mut client = Client::connect(address)?;
    let ask = newest(&seats[0]);
    let (mut cursor, _) = cursor_of(client.ask(&ask)?)?;
    let mut readers = Vec::with_capacity(seats.len());
    for (seat, number) in seats.iter().zip(0..) {
        let mut reader =
            Reader { socket: Socket::connect(address)?, partial: Partial::default(), token: seat.token.clone() };
        epoll.add(&reader.socket, number)?;
        reader.mark(conversation, &cursor)?;
        readers.push(reader);
    }
    let mut looked = std::time::Instant::now();
    while !stop.load(Ordering::Relaxed) {
        interrupt::check()?;
        epoll.wait(LOOK, &mut ready)?;
        if looked.elapsed() >= LOOK {
            (cursor, _) = cursor_of(client.ask(&ask)?)?;
            looked = std::time::Instant::now();
        }
        for token in &ready {
            let reader = &mut readers[*token as usize];
            let read = reader.socket.read(&mut scratch)?;
            let Some(answer) = reader.partial.add(read)? else { continue };
            answer.success().context("a mark was refused")?;
            marks.fetch_add(1, Ordering::Relaxed);
            reader.mark(conversation, &cursor)?;
        }
    }
    ensure!(marks.load(Ordering::Relaxed) > 0, "nobody has read anything");
    Ok(())
}
