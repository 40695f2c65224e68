//! One load, measured.

use super::ledger::Ledger;
use super::pace::{Pace, Schedule};
use super::{Load, PATIENCE, Receiver};
use crate::servers::Server;
use crate::usage::Spent;
use anyhow::ensure;
use std::time::Duration;

/// How long a load runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);

/// What a load took.
pub struct Measured {
    pub spent: Spent,
    /// Messages that were answered in the window.
    pub sends: u64,
    /// Deliveries in the window.
    pub deliveries: u64,
    /// From when a message was due to its delivery, the shortest first.
    pub delays: Vec<Duration>,
    /// By how much the most delayed message was sent late.
    pub latest: Duration,
}

impl Measured {
    /// The delay that so many of a hundred do not exceed, in milliseconds.
    pub fn percentile_ms(&self, percent: f64) -> Option<f64> {
        let rank = (self.delays.len() as f64 * percent / 100.0).ceil() as usize;
        Some(self.delays.get(rank.checked_sub(1)?)?.as_secs_f64() * 1e3)
    }
}

impl Load {
    /// Runs a load for a window, and until all of it has arrived.
    ///
    /// # Errors
    /// Anything refused, missing or out of order.
    pub fn run(&mut self, server: &Server, pace: Pace, window: Duration) -> anyhow::Result<Measured> {
        self.begin();
        let from = WARM_UP;
        let mut schedule = match pace {
            Pace::Restless => None,
            Pace::Open { rate, burst } => Some(Schedule::new(self.ledger.clock.now(), rate, burst)),
        };
        self.ledger.window = from..from + window;
        self.run_until(from, &mut schedule)?;
        let (before, answered, delivered) = (server.usage()?, self.ledger.answered, self.ledger.delivered);
        self.run_until(from + window, &mut schedule)?;
        let (spent, sends) = (server.spent(&before)?, self.ledger.answered - answered);
        let deliveries = self.ledger.delivered - delivered;
        let limit = self.ledger.clock.now() + PATIENCE;
        while !self.ledger.is_done() && self.ledger.clock.now() < limit {
            self.turn(limit.saturating_sub(self.ledger.clock.now()))?;
        }
        let in_turn = !matches!(pace, Pace::Open { burst: 2.., .. });
        self.ledger.check(in_turn)?;
        ensure!(sends > 0, "nothing was sent");
        let mut ledger = std::mem::take(&mut self.ledger);
        ledger.delays.sort_unstable();
        Ok(Measured { spent, sends, deliveries, delays: ledger.delays, latest: ledger.latest })
    }

    /// Lets everybody begin anew.
    pub fn begin(&mut self) {
        self.ledger = Ledger::default();
        for receiver in &mut self.receivers {
            match receiver {
                Receiver::Stream(listener) => listener.join(&mut self.ledger),
                Receiver::Polls(poller) => poller.join(&mut self.ledger),
            }
        }
    }

    fn run_until(&mut self, end: Duration, schedule: &mut Option<Schedule>) -> anyhow::Result<()> {
        loop {
            let now = self.ledger.clock.now();
            if now >= end {
                return Ok(());
            }
            let next = match schedule {
                Some(schedule) => self.post_due(schedule, now)?.min(end),
                None => self.post_restlessly(now).map(|()| end)?,
            };
            self.turn(next.saturating_sub(self.ledger.clock.now()))?;
        }
    }

    /// Posts what is due; answers when more will be.
    fn post_due(&mut self, schedule: &mut Schedule, now: Duration) -> anyhow::Result<Duration> {
        while schedule.next() <= now {
            let poster = schedule.count % self.posters.len();
            self.posters[poster].post(schedule.next(), &mut self.ledger)?;
            schedule.count += 1;
        }
        Ok(schedule.next())
    }

    fn post_restlessly(&mut self, now: Duration) -> anyhow::Result<()> {
        for poster in self.posters.iter_mut().filter(|poster| poster.is_idle()) {
            poster.post(now, &mut self.ledger)?;
        }
        Ok(())
    }
}
