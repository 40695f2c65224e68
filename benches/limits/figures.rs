//! What was measured.

use crate::load::Measured;
use crate::servers::Who;
use crate::usage::Spent;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Load {
    IdleStreams,
    IdlePolls,
    IdleMembers,
    FanOut,
    Bursts,
    /// So many senders, as fast as they are answered.
    Closed(u32),
    Open,
    OpenPolls,
    Slow,
    CatchUp,
    Reconnect,
    NoneStalled,
    Stalled,
    /// Everybody says how far they have read.
    Reads,
    /// A request, in a log of so many events.
    Grown(Request, u64),
}

/// What is asked of a log that has grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Request {
    Send,
    History,
    CatchUp,
    List,
}

/// What is measured of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    MemoryKib,
    /// Of server and PostgreSQL, for what the load is made of.
    CpuUs,
    /// PostgreSQL's part of that.
    PostgresUs,
    /// A second.
    Rate,
    Seconds,
    P50Ms,
    P99Ms,
    /// The most that a send was late.
    LateMs,
    /// How many of the stalled readers were cut.
    Cut,
    /// A second.
    ReadEvents,
    /// Of server and PostgreSQL, of one core.
    CoresPercent,
    GeneratorPercent,
    OthersPercent,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "a send",
            Self::History => "a history page of 50",
            Self::CatchUp => "a catch-up page of 100",
            Self::List => "the list of 5,000 conversations, 3 with news",
        })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdleStreams => f.write_str("idle streams"),
            Self::IdlePolls => f.write_str("waiting long polls"),
            Self::IdleMembers => f.write_str("idle streams, each user in 50 conversations"),
            Self::FanOut => f.write_str("one conversation, 1,000 streams, 50 messages/s"),
            Self::Bursts => f.write_str("one conversation, 1,000 streams, 5 bursts of 10 messages/s"),
            Self::Closed(senders) => write!(f, "1,000 conversations, {senders} senders as fast as they are answered"),
            Self::Open => f.write_str("1,000 conversations, open loop at half of the slower server's maximum"),
            Self::OpenPolls => f.write_str("the same, long-poll receivers"),
            Self::Slow => f.write_str("1,000 conversations, 10 sends/s"),
            Self::CatchUp => f.write_str("one client behind"),
            Self::Reconnect => f.write_str("streams lost with a node"),
            Self::NoneStalled => f.write_str("900 readers of one conversation, 50 messages/s"),
            Self::Stalled => f.write_str("the same, 100 stalled readers beside them"),
            Self::Reads => f.write_str("1,000 readers of one conversation mark each of 50 messages/s as read"),
            Self::Grown(request, events) => {
                write!(f, "{request}, {} events in the log", thousands(*events as i64))
            }
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MemoryKib => "memory (PSS) each, KiB",
            Self::CpuUs => "CPU each, µs",
            Self::PostgresUs => "of it PostgreSQL's, µs",
            Self::Rate => "a second",
            Self::Seconds => "seconds",
            Self::P50Ms => "p50, ms",
            Self::P99Ms => "p99, ms",
            Self::LateMs => "latest send, ms",
            Self::Cut => "stalled readers cut",
            Self::ReadEvents => "read events a second",
            Self::CoresPercent => "CPU of server and PostgreSQL, % of a core",
            Self::GeneratorPercent => "load generator, % of the machine",
            Self::OthersPercent => "others, % of the machine",
        })
    }
}

/// All figures, one value a round.
#[derive(Default)]
pub struct Figures(BTreeMap<(Load, Who, What), Vec<f64>>);

impl Figures {
    pub fn add(&mut self, load: Load, who: Who, what: What, value: f64) {
        self.0.entry((load, who, what)).or_default().push(value);
    }

    /// Adds who took how much CPU for `count` of something.
    pub fn add_cpu(&mut self, load: Load, who: Who, count: u64, spent: &Spent) {
        let each_us = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        self.add(load, who, What::CpuUs, each_us(spent.total()));
        if who == Who::Longwave {
            self.add(load, who, What::PostgresUs, each_us(spent.postgres));
        }
        self.add(load, who, What::GeneratorPercent, spent.percent(spent.generator));
        self.add(load, who, What::OthersPercent, spent.percent(spent.others));
    }

    /// Adds the delays of a load.
    pub fn add_delays(&mut self, load: Load, who: Who, measured: &Measured) {
        for (what, percent) in [(What::P50Ms, 50.0), (What::P99Ms, 99.0)] {
            if let Some(delay) = measured.percentile_ms(percent) {
                self.add(load, who, what, delay);
            }
        }
        self.add(load, who, What::LateMs, measured.latest.as_secs_f64() * 1e3);
    }

    /// The median of the rounds.
    pub fn median(&self, load: Load, who: Who, what: What) -> Option<f64> {
        Some(median(self.0.get(&(load, who, what))?))
    }

    /// This round's value.
    pub fn newest(&self, load: Load, who: Who, what: What) -> Option<f64> {
        self.0.get(&(load, who, what))?.last().copied()
    }

    /// Everything: load, server, figure, and the values of the rounds.
    pub fn all(&self) -> impl Iterator<Item = (Load, Who, What, &[f64])> {
        self.0.iter().map(|((load, who, what), values)| (*load, *who, *what, values.as_slice()))
    }
}

/// The middle one, or the middle of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
}

/// Three digits or more, so that a difference that can be seen is one that was measured.
pub fn shown(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => thousands(value.round() as i64),
    }
}

/// 12,345
pub fn thousands(value: i64) -> String {
    let digits = value.abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
