//! An open stream.

use super::ledger::Ledger;
use crate::message::Stamps;
use crate::net::epoll::Epoll;
use crate::net::lines::Lines;
use crate::net::socket::Socket;
use crate::stage::Seat;
use anyhow::{bail, ensure};
use std::net::SocketAddr;

pub struct Listener {
    pub socket: Socket,
    lines: Lines,
    room: u32,
    /// Messages of this load that have come.
    heard: u32,
    /// The line that tells that the stream is open, while it has not come.
    opening: Option<&'static [u8]>,
    /// The newest `id:`.
    cursor: Vec<u8>,
    /// What is to be asked once the socket is connected.
    request: Vec<u8>,
}

impl Listener {
    pub fn open(address: SocketAddr, seat: &Seat) -> anyhow::Result<Self> {
        let mut socket = Socket::connect(address)?;
        socket.send(&seat.stream)?;
        let (lines, cursor, request) = (Lines::default(), Vec::new(), Vec::new());
        Ok(Self { socket, lines, room: seat.room, heard: 0, opening: seat.opening, cursor, request })
    }

    /// Begins to open the stream again, at `address`, from what has come.
    pub fn reopen(&mut self, address: SocketAddr, seat: &Seat) -> anyhow::Result<()> {
        self.request = seat.resume(str::from_utf8(&self.cursor)?);
        (self.socket, self.lines, self.opening) = (Socket::begin(address)?, Lines::default(), seat.opening);
        Ok(())
    }

    pub fn is_connecting(&self) -> bool {
        !self.request.is_empty()
    }

    /// Asks for the stream.
    pub fn connected(&mut self, epoll: &Epoll, token: u64) -> anyhow::Result<()> {
        self.socket.check()?;
        self.socket.send(&self.request)?;
        self.request = Vec::new();
        Ok(epoll.connected(&self.socket, token)?)
    }

    pub fn is_open(&self) -> bool {
        self.opening.is_none() && self.lines.is_open()
    }

    /// Begins anew, with another ledger.
    pub fn join(&mut self, ledger: &mut Ledger) {
        self.heard = 0;
        ledger.seat(self.room);
    }

    pub fn read(&mut self, scratch: &mut [u8], stamps: &Stamps, ledger: &mut Ledger) -> anyhow::Result<()> {
        let bytes = self.socket.read(scratch)?;
        let now = ledger.clock.now();
        let Self { lines, room, heard, opening, cursor, .. } = self;
        lines.add(bytes, &mut |line| {
            if line.starts_with(b"data:") {
                for stamp in stamps.of(line) {
                    ensure!(stamp.room == *room, "a message for room {} came to room {room}", stamp.room);
                    ledger.deliver(stamp, *heard, now)?;
                    *heard += 1;
                }
            } else if let Some(id) = line.strip_prefix(b"id: ") {
                cursor.clear();
                cursor.extend_from_slice(id);
            } else if opening.is_some_and(|opening| line.starts_with(opening)) {
                *opening = None;
            } else if matches!(line, b"event: end" | b"event: reset") {
                bail!("the server said {}", String::from_utf8_lossy(line));
            }
            Ok(())
        })
    }
}
