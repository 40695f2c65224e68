//! A load: who sends, who receives, and the loop that serves both.
//!
//! Lifecycle: seats are taken ([`Load::open`]), posters are seated ([`Load::post_with`]), then loads run one after the
//! other ([`Load::run`]), each on a clock and a ledger of its own. All is done by one thread, so that what a message meets in the generator
//! is the same whoever delivers it. Parts call it.
//!
//! Invariants: each room is posted to by one poster at a time, bursts aside; every receiver of a room gets every message
//! of it, once, and in the same order as all others do. What breaks that ends the run.

mod ledger;
mod listener;
mod pace;
mod poller;
mod poster;
mod resuming;
mod running;

use crate::interrupt;
use crate::message::Stamps;
use crate::net::epoll::Epoll;
use crate::net::socket::SCRATCH_BYTES;
use crate::servers::Server;
use crate::stage::{PosterPlan, Seat};
use anyhow::{Context, ensure};
use ledger::Ledger;
use listener::Listener;
pub use pace::Pace;
use poller::Poller;
use poster::Poster;
pub use running::Measured;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Streams that are being opened at the same time.
const AT_ONCE: usize = 128;
/// How long opening one more may take, and the last delivery after the last send was answered.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether the server has calmed down.
const LOOK: Duration = Duration::from_millis(100);
/// Quiet looks in a row that count as calm: on a busy machine, one may only mean that the server got no core.
const QUIET_LOOKS: u32 = 5;
/// Looks at most.
const LOOKS: u32 = 300;

/// Whose token it is; the rest of a token is an index.
const POSTER: u64 = 1 << 32;

pub struct Load {
    address: SocketAddr,
    epoll: Epoll,
    stamps: Stamps,
    scratch: Vec<u8>,
    ready: Vec<u64>,
    ledger: Ledger,
    receivers: Vec<Receiver>,
    posters: Vec<Poster>,
}

enum Receiver {
    Stream(Listener),
    Polls(Poller),
}

impl Receiver {
    fn is_open(&self) -> bool {
        match self {
            Self::Stream(listener) => listener.is_open(),
            Self::Polls(poller) => poller.is_open(),
        }
    }
}

impl Load {
    pub fn new(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self {
            address,
            epoll: Epoll::make()?,
            stamps: Stamps::new(),
            scratch: vec![0; SCRATCH_BYTES],
            ready: Vec::new(),
            ledger: Ledger::default(),
            receivers: Vec::new(),
            posters: Vec::new(),
        })
    }

    /// Opens a stream for each seat and waits until the server has said that all are.
    pub fn open(&mut self, seats: &[Seat]) -> anyhow::Result<()> {
        for seat in seats {
            let listener = Listener::open(self.address, seat)?;
            self.epoll.add(&listener.socket, self.receivers.len() as u64)?;
            self.receivers.push(Receiver::Stream(listener));
            self.let_open(AT_ONCE)?;
        }
        self.let_open(1)
    }

    /// Starts to poll for each seat and waits until all know where they are.
    pub fn poll(&mut self, seats: &[Seat]) -> anyhow::Result<()> {
        for seat in seats {
            let poller = Poller::open(self.address, seat)?;
            self.epoll.add(&poller.socket, self.receivers.len() as u64)?;
            self.receivers.push(Receiver::Polls(poller));
            self.let_open(AT_ONCE)?;
        }
        self.let_open(1)
    }

    /// Connects those who will post.
    pub fn post_with(&mut self, plans: Vec<PosterPlan>) -> anyhow::Result<()> {
        self.post_to(self.address, plans)
    }

    /// Connects those who will post, to another node than that which delivers.
    pub fn post_to(&mut self, address: SocketAddr, plans: Vec<PosterPlan>) -> anyhow::Result<()> {
        self.posters.clear();
        for (index, plan) in plans.into_iter().enumerate() {
            let poster = Poster::connect(address, plan)?;
            self.epoll.add(&poster.socket, POSTER | index as u64)?;
            self.posters.push(poster);
        }
        Ok(())
    }

    /// Waits until fewer than `most` of the last receivers are not open.
    fn let_open(&mut self, most: usize) -> anyhow::Result<()> {
        let mut opened = Instant::now();
        let mut before = usize::MAX;
        loop {
            let last = self.receivers.iter().rev().take(AT_ONCE);
            let opening = last.filter(|receiver| !receiver.is_open()).count();
            if opening < most {
                return Ok(());
            }
            if opening < before {
                (before, opened) = (opening, Instant::now());
            }
            ensure!(opened.elapsed() < PATIENCE, "{opening} streams or polls do not open");
            self.turn(LOOK)?;
        }
    }

    /// Reads what comes for so long.
    pub fn rest(&mut self, time: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        while let Some(left) = time.checked_sub(begun.elapsed()) {
            self.turn(left)?;
        }
        Ok(())
    }

    /// Waits until the server has no more to do: connections that were closed are gone, and new ones have caught up.
    pub fn settle(&mut self, server: &Server) -> anyhow::Result<()> {
        let (mut before, mut quiet) = (server.ticks()?, 0);
        for _ in 0..LOOKS {
            self.rest(LOOK)?;
            let now = server.ticks()?;
            // A tick or two are what looking through the streams takes, and sending heartbeats.
            quiet = if now <= before + 2 { quiet + 1 } else { 0 };
            if quiet == QUIET_LOOKS {
                return Ok(());
            }
            before = now;
        }
        anyhow::bail!("the server is busy though nothing is asked of it")
    }

    /// Waits for what comes next, for at most so long, and deals with it.
    fn turn(&mut self, timeout: Duration) -> anyhow::Result<()> {
        interrupt::check()?;
        self.epoll.wait(timeout, &mut self.ready)?;
        for token in &self.ready {
            let index = (token & !POSTER) as usize;
            if token & POSTER != 0 {
                self.posters[index].read(&mut self.scratch, &mut self.ledger).context("a send")?;
                continue;
            }
            match &mut self.receivers[index] {
                Receiver::Stream(listener) if listener.is_connecting() => {
                    listener.connected(&self.epoll, *token).context("a stream")?;
                }
                Receiver::Stream(listener) => {
                    listener.read(&mut self.scratch, &self.stamps, &mut self.ledger).context("a stream")?;
                }
                Receiver::Polls(poller) => {
                    poller.read(&mut self.scratch, &self.stamps, &mut self.ledger).context("a long poll")?;
                }
            }
        }
        Ok(())
    }
}
