//! An open stream.

use super::ledger::Ledger;
use crate::message::Stamps;
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
}

impl Listener {
    pub fn open(address: SocketAddr, seat: &Seat) -> anyhow::Result<Self> {
        let mut socket = Socket::connect(address)?;
        socket.send(&seat.stream)?;
        Ok(Self { socket, lines: Lines::default(), room: seat.room, heard: 0, opening: seat.opening })
    }

    pub fn is_open(&self) -> bool {
        self.lines.is_open() && self.opening.is_none()
    }

    /// Begins anew, with another ledger.
    pub fn join(&mut self, ledger: &mut Ledger) {
        self.heard = 0;
        ledger.seat(self.room);
    }

    pub fn read(&mut self, scratch: &mut [u8], stamps: &Stamps, ledger: &mut Ledger) -> anyhow::Result<()> {
        let bytes = self.socket.read(scratch)?;
        let now = ledger.clock.now();
        let Self { lines, room, heard, opening, .. } = self;
        lines.add(bytes, &mut |line| {
            if line.starts_with(b"data:") {
                for stamp in stamps.of(line) {
                    ensure!(stamp.room == *room, "a message for room {} came to room {room}", stamp.room);
                    ledger.deliver(stamp, *heard, now)?;
                    *heard += 1;
                }
            } else if opening.is_some_and(|opening| line.starts_with(opening)) {
                *opening = None;
            } else if matches!(line, b"event: end" | b"event: reset") {
                bail!("the server said {}", String::from_utf8_lossy(line));
            }
            Ok(())
        })
    }
}
