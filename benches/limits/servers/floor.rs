//! The floor: who delivers at all must at least write each message to each subscriber.
//!
//! A process of its own (this benchmark, started with a hidden argument), so that what it takes is counted by itself.
//! One thread, one epoll. A message that is posted is framed once and written to each subscriber of its room with one
//! write(2), then answered. Nothing is kept, checked or encoded, and a subscriber that cannot take a message ends it all.

use super::process::Process;
use crate::message::BODY_BYTES;
use crate::net::epoll::Epoll;
use crate::net::socket::SCRATCH_BYTES;
use anyhow::{Context, bail, ensure};
use memchr::memmem;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The argument that makes this process the floor.
pub const ARGUMENT: &str = "--floor";
/// Connections that wait to be accepted; the kernel may take fewer.
const BACKLOG: i32 = 4_096;
const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n:\n\r\n";
const CREATED: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
/// The token of the listener.
const LISTENER: u64 = u64::MAX;
/// How long to sleep when nothing happens.
const NAP: Duration = Duration::from_secs(60);

pub fn start(dir: &Path) -> anyhow::Result<(Process, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(ARGUMENT);
    let mut process = Process::start(&mut command, &dir.join("log"))?;
    let address = process.address()?;
    Ok((process, address))
}

/// Serves until it is killed.
pub fn serve() -> anyhow::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut epoll = Epoll::make()?;
    epoll.add(&listener, LISTENER)?;
    let mut floor = Floor { scratch: vec![0; SCRATCH_BYTES], frame: Vec::new(), rooms: Vec::new() };
    let (mut connections, mut ready) = (Vec::<Option<TcpStream>>::new(), Vec::new());
    loop {
        epoll.wait(NAP, &mut ready)?;
        for token in &ready {
            if *token == LISTENER {
                let Ok((stream, _)) = listener.accept() else { continue };
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                epoll.add(&stream, connections.len() as u64)?;
                connections.push(Some(stream));
                continue;
            }
            let connection = &mut connections[*token as usize];
            if let Some(stream) = connection
                && floor.read(stream)? == Next::Close
            {
                *connection = None;
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    Keep,
    Close,
}

struct Floor {
    scratch: Vec<u8>,
    frame: Vec<u8>,
    /// The subscribers of each room.
    rooms: Vec<Vec<TcpStream>>,
}

impl Floor {
    fn read(&mut self, stream: &mut TcpStream) -> anyhow::Result<Next> {
        let length = match stream.read(&mut self.scratch) {
            Ok(0) => return Ok(Next::Close),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Next::Keep),
            Err(_) => return Ok(Next::Close),
        };
        // The generator writes a request at once, and one after the other.
        let request = &self.scratch[..length];
        let body = memmem::find(request, b"\r\n\r\n").context("a request came in pieces")? + 4;
        let (post, room) = room(request).context("not a request of the generator")?;
        if self.rooms.len() <= room {
            self.rooms.resize_with(room + 1, Vec::new);
        }
        if !post {
            stream.write_all(STREAM)?;
            self.rooms[room].push(stream.try_clone()?);
            return Ok(Next::Keep);
        }
        ensure!(length - body == BODY_BYTES, "a message came in pieces");
        self.frame.clear();
        write!(self.frame, "{:x}\r\ndata: ", BODY_BYTES + 8)?;
        self.frame.extend_from_slice(&request[body..]);
        self.frame.extend_from_slice(b"\n\n\r\n");
        for subscriber in &mut self.rooms[room] {
            let written = subscriber.write(&self.frame)?;
            if written < self.frame.len() {
                bail!("a subscriber does not read");
            }
        }
        stream.write_all(CREATED)?;
        Ok(Next::Keep)
    }
}

/// Whether it is a POST, and the room, of `POST /rooms/7 HTTP/1.1`.
fn room(request: &[u8]) -> Option<(bool, usize)> {
    let path = request.split(|byte| *byte == b' ').nth(1)?.strip_prefix(b"/rooms/")?;
    Some((request.starts_with(b"POST"), str::from_utf8(path).ok()?.parse().ok()?))
}
