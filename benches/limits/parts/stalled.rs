//! Readers who do not read, beside readers who do.

use super::Run;
use crate::figures::{self, What};
use crate::load::{Load, Pace};
use crate::servers::Who;
use crate::stage::{Seat, Shape};
use anyhow::ensure;
use memchr::memmem;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Streams of the conversation, and those of them that stall.
const CROWD: u32 = 1_000;
const STALLED: usize = 100;
/// Messages a second.
const RATE: f64 = 50.0;
/// The least that the kernel takes. It doubles it.
const RECEIVE_BUFFER: usize = 1_024;
/// The segments of a slow link. They also keep the server's side from buffering megabytes, as it would on loopback.
const SEGMENT: u32 = 536;
/// How long the stalled ones get before delays are measured: their sockets are full then.
const FILL: Duration = Duration::from_secs(5);
/// How long delays are measured: what 256 KiB last, so that the server also has to cut them.
const WINDOW: Duration = Duration::from_secs(12);
/// How long the head and the first lines of a stream may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(run: &mut Run<'_>) -> anyhow::Result<()> {
    run.with(Who::Longwave, Shape::Crowd(CROWD), |run, server, stage| {
        let (slow, good) = stage.seats.split_at(STALLED);
        let mut load = Load::new(server.address)?;
        load.open(good)?;
        load.post_with(stage.poster_plans(1))?;
        load.settle(server)?;
        let pace = Pace::Open { rate: RATE, burst: 1 };
        let measured = load.run(server, pace, WINDOW)?;
        run.figures.add_delays(figures::Load::NoneStalled, Who::Longwave, &measured);
        let stalled: Vec<TcpStream> = slow.iter().map(|seat| stall(server.address, seat)).collect::<Result<_, _>>()?;
        load.run(server, pace, FILL)?;
        let measured = load.run(server, pace, WINDOW)?;
        run.figures.add_delays(figures::Load::Stalled, Who::Longwave, &measured);
        let mut cut = 0;
        for stream in stalled {
            cut += u32::from(was_cut(stream)?);
        }
        run.figures.add(figures::Load::Stalled, Who::Longwave, What::Cut, f64::from(cut));
        Ok(())
    })
}

/// Opens a stream that is not read.
fn stall(address: SocketAddr, seat: &Seat) -> anyhow::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_tcp_mss(SEGMENT)?;
    socket.connect(&address.into())?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&seat.stream)?;
    let (mut received, mut byte) = (Vec::new(), [0]);
    while memmem::find(&received, seat.opening.unwrap_or(b"\r\n\r\n")).is_none() {
        ensure!(stream.read(&mut byte)? == 1, "a stream was refused: {}", String::from_utf8_lossy(&received));
        received.push(byte[0]);
    }
    Ok(stream)
}

/// Reads what there still is; answers whether the server had closed the stream.
fn was_cut(mut stream: TcpStream) -> anyhow::Result<bool> {
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    let mut bytes = [0; 4_096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return Ok(true),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
}
