//! A connection that posts, each message after the answer to the one before.

use super::ledger::Ledger;
use crate::net::answer::Partial;
use crate::net::socket::Socket;
use crate::stage::PosterPlan;
use anyhow::Context;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

pub struct Poster {
    pub socket: Socket,
    partial: Partial,
    plan: PosterPlan,
    /// How many messages were posted or wait.
    taken: usize,
    /// When the messages that wait were due.
    waiting: VecDeque<Duration>,
    posted: usize,
    busy: bool,
    request: Vec<u8>,
}

impl Poster {
    pub fn connect(address: SocketAddr, plan: PosterPlan) -> anyhow::Result<Self> {
        Ok(Self {
            socket: Socket::connect(address)?,
            partial: Partial::default(),
            plan,
            taken: 0,
            waiting: VecDeque::new(),
            posted: 0,
            busy: false,
            request: Vec::new(),
        })
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        !self.busy
    }

    /// Posts a message to the next of its rooms: at once, or after what is under way.
    pub fn post(&mut self, due: Duration, ledger: &mut Ledger) -> anyhow::Result<()> {
        self.taken += 1;
        self.waiting.push_back(due);
        if self.busy { Ok(()) } else { self.next(ledger) }
    }

    fn next(&mut self, ledger: &mut Ledger) -> anyhow::Result<()> {
        let Some(due) = self.waiting.pop_front() else { return Ok(()) };
        let (room, head) = &self.plan.rooms[self.posted % self.plan.rooms.len()];
        self.request.clear();
        self.request.extend_from_slice(head);
        ledger.send(*room, due).write(&mut self.request)?;
        self.socket.send(&self.request)?;
        self.posted += 1;
        self.busy = true;
        Ok(())
    }

    pub fn read(&mut self, scratch: &mut [u8], ledger: &mut Ledger) -> anyhow::Result<()> {
        let read = self.socket.read(scratch)?;
        let Some(answer) = self.partial.add(read)? else { return Ok(()) };
        answer.success().context("refused")?;
        ledger.answered += 1;
        self.busy = false;
        self.next(ledger)
    }
}
