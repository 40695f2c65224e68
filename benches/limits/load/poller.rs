//! A client that polls, each poll from the cursor of the one before.

use super::ledger::Ledger;
use crate::message::Stamps;
use crate::net::answer::Partial;
use crate::net::socket::Socket;
use crate::stage::Seat;
use anyhow::{Context, ensure};
use memchr::{memchr, memmem};
use std::net::SocketAddr;

/// What stands before the cursor of an answer, and of each event in it.
const CURSOR: &[u8] = b"\"cursor\":\"";
/// Seconds that a poll waits at most: longer than any load.
const WAIT: &str = "55";

pub struct Poller {
    pub socket: Socket,
    partial: Partial,
    room: u32,
    token: String,
    heard: u32,
    /// Whether the first answer, which says where it is, has come.
    open: bool,
    request: Vec<u8>,
}

impl Poller {
    pub fn open(address: SocketAddr, seat: &Seat) -> anyhow::Result<Self> {
        let socket = Socket::connect(address)?;
        let (room, token) = (seat.room, seat.token.clone());
        let mut poller =
            Self { socket, partial: Partial::default(), room, token, heard: 0, open: false, request: vec![] };
        poller.ask("now", "0")?;
        Ok(poller)
    }

    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Begins anew, with another ledger.
    pub fn join(&mut self, ledger: &mut Ledger) {
        self.heard = 0;
        ledger.seat(self.room);
    }

    fn ask(&mut self, after: &str, wait: &str) -> anyhow::Result<()> {
        let Self { token, request, .. } = self;
        request.clear();
        for part in
            ["GET /v1/updates?after=", after, "&wait=", wait, " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "]
        {
            request.extend_from_slice(part.as_bytes());
        }
        request.extend_from_slice(token.as_bytes());
        request.extend_from_slice(b"\r\n\r\n");
        self.socket.send(&self.request)
    }

    pub fn read(&mut self, scratch: &mut [u8], stamps: &Stamps, ledger: &mut Ledger) -> anyhow::Result<()> {
        let read = self.socket.read(scratch)?;
        let now = ledger.clock.now();
        let Some(answer) = self.partial.add(read)? else { return Ok(()) };
        let body = answer.success()?;
        for stamp in stamps.of(body) {
            ensure!(stamp.room == self.room, "a message for room {} came to room {}", stamp.room, self.room);
            ledger.deliver(stamp, self.heard, now)?;
            self.heard += 1;
        }
        // The last one is the answer's own.
        let place = memmem::rfind(body, CURSOR).context("an answer without a cursor")? + CURSOR.len();
        let length = memchr(b'"', &body[place..]).context("a cursor without an end")?;
        let cursor = str::from_utf8(&body[place..place + length])?.to_owned();
        self.open = true;
        self.ask(&cursor, WAIT)
    }
}
