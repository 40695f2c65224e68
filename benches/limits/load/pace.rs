//! When messages are sent.

use std::time::Duration;

/// How a load is paced.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Every poster sends as soon as it is answered: a closed loop.
    Restless,
    /// So many bursts a second of so many messages each, in turn by the posters, whatever the answers do: an open loop.
    /// A poster whose answer is late sends late, and its message counts from when it was due.
    Open { rate: f64, burst: u32 },
}

/// The times of an open loop.
pub struct Schedule {
    pub begin: Duration,
    period: Duration,
    burst: u32,
    /// Messages that have become due.
    pub count: usize,
}

impl Schedule {
    pub fn new(begin: Duration, rate: f64, burst: u32) -> Self {
        Self { begin, period: Duration::from_secs_f64(1.0 / rate), burst, count: 0 }
    }

    /// When the next message is due.
    pub fn next(&self) -> Duration {
        self.begin + self.period * (self.count as u32 / self.burst)
    }
}
