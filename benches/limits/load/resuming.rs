//! Streams that were lost, and come again.

use super::{Load, PATIENCE, POSTER, Receiver};
use crate::net::epoll::Epoll;
use crate::stage::Seat;
use anyhow::ensure;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long all of them together may take.
const IN_ALL: Duration = Duration::from_secs(120);

impl Load {
    /// Has every poster post so many messages, and waits until all are answered, and delivered to those who listen.
    pub fn post_each(&mut self, count: usize) -> anyhow::Result<()> {
        self.queue_each(count)?;
        self.finish()
    }

    /// Has every poster post so many messages, and waits until all are answered.
    pub fn post_unheard(&mut self, count: usize) -> anyhow::Result<()> {
        self.queue_each(count)?;
        let begun = Instant::now();
        while self.ledger.answered < self.ledger.sent {
            ensure!(begun.elapsed() < PATIENCE, "sends are not answered");
            self.turn(PATIENCE)?;
        }
        Ok(())
    }

    fn queue_each(&mut self, count: usize) -> anyhow::Result<()> {
        let now = self.ledger.clock.now();
        for poster in &mut self.posters {
            for _ in 0..count {
                poster.post(now, &mut self.ledger)?;
            }
        }
        Ok(())
    }

    /// Takes no notice of the streams any more: their node is dead.
    pub fn lose(&mut self) -> anyhow::Result<()> {
        self.epoll = Epoll::make()?;
        for (index, poster) in self.posters.iter().enumerate() {
            self.epoll.add(&poster.socket, POSTER | index as u64)?;
        }
        Ok(())
    }

    /// Opens all streams again, at once and at another node, each from what it has; waits until all are open and have
    /// what was sent meanwhile.
    pub fn resume(&mut self, address: SocketAddr, seats: &[Seat]) -> anyhow::Result<()> {
        for (index, (receiver, seat)) in self.receivers.iter_mut().zip(seats).enumerate() {
            if let Receiver::Stream(listener) = receiver {
                listener.reopen(address, seat)?;
                self.epoll.add_connecting(&listener.socket, index as u64)?;
            }
        }
        self.finish()?;
        self.let_open(1)
    }

    /// Waits until everything is answered and delivered, and checks it.
    fn finish(&mut self) -> anyhow::Result<()> {
        let mut progress = (self.ledger.delivered + self.ledger.answered, Instant::now());
        let begun = Instant::now();
        while !self.ledger.is_done() {
            self.turn(PATIENCE)?;
            let now = self.ledger.delivered + self.ledger.answered;
            if now > progress.0 {
                progress = (now, Instant::now());
            }
            ensure!(progress.1.elapsed() < PATIENCE, "nothing comes any more");
            ensure!(
                begun.elapsed() < IN_ALL,
                "{} deliveries are missing",
                self.ledger.expected - self.ledger.delivered
            );
        }
        self.ledger.check(true)
    }
}
