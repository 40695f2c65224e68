use anyhow::ensure;
use clap::{Parser, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fmt;
use std::time::Duration;

/// Descriptors beside those of streams and polls.
const OTHER_DESCRIPTORS: u64 = 1_000;
/// Values of a complete run, whose figures may be kept.
const ROUNDS: u32 = 3;
const SECONDS: u64 = 5;

/// What Longwave costs at its limits, beside a bare write and, where they are installed, nchan and durable-streams.
///
/// Starts each server anew for each load, Longwave with an embedded PostgreSQL, all in a temporary directory (under
/// $TMPDIR: put it on a real disk with 20 GB free; a tmpfs makes commits free), and drives it over loopback. All servers are
/// driven in turn with the same load within each round. Progress goes to stderr, the tables to stdout; a complete run
/// also writes benches/RESULTS.md and the plots beside it. The status is not 0 if anything was refused, missing or out
/// of order.
#[derive(Parser)]
#[command(name = "limits", bin_name = "cargo bench --bench limits --")]
pub struct Options {
    /// Rounds; the tables have their medians
    #[arg(long, default_value_t = ROUNDS, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,

    /// Seconds for which each load is measured
    #[arg(long, default_value_t = SECONDS, value_parser = clap::value_parser!(u64).range(1..=15))]
    seconds: u64,

    /// Only these parts, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PARTS")]
    only: Vec<Part>,

    /// One short round, which says little, and does not write anything
    #[arg(long)]
    pub quick: bool,

    /// Writes the results of this run, although it is not complete
    #[arg(long)]
    write: bool,

    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a round is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Idle streams and waiting polls
    Memory,
    /// One conversation that many listen to, and bursts
    FanOut,
    /// A thousand conversations: sends/s, CPU and delays
    Sends,
    /// One client who was away
    CatchUp,
    /// All streams of a node that is killed
    Reconnect,
    /// Readers who do not read
    Stalled,
    /// Readers who say how far they have read
    Reads,
    /// Logs of 10⁴, 10⁶ and 10⁷ events: filled once, which takes minutes, and asked in every round
    Growth,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::FanOut => "fan-out",
            Self::Sends => "sends",
            Self::CatchUp => "catch-up",
            Self::Reconnect => "reconnect",
            Self::Stalled => "stalled",
            Self::Reads => "reads",
            Self::Growth => "growth",
        })
    }
}

impl Options {
    /// Rounds that are run.
    pub fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }

    /// How long each load is measured.
    pub fn window(&self) -> Duration {
        Duration::from_secs(if self.quick { 2 } else { self.seconds })
    }

    /// Idle streams, or polls, that memory is measured with.
    pub fn idle(&self) -> u32 {
        if self.quick { 3_000 } else { 15_000 }
    }

    /// Whether a part was asked for.
    pub fn has(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Whether the results are written.
    pub fn writes(&self) -> bool {
        self.write || (!self.quick && self.only.is_empty() && self.rounds >= ROUNDS && self.seconds >= SECONDS)
    }

    /// Takes all the descriptors that this process may have, and the servers inherit, and checks that they are enough.
    ///
    /// # Errors
    /// They are not.
    pub fn check(&self) -> anyhow::Result<()> {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
        let needed = u64::from(self.idle()) + OTHER_DESCRIPTORS;
        let most = maximum.unwrap_or(u64::MAX);
        ensure!(needed <= most, "{needed} descriptors are needed, a process may have {most}");
        Ok(())
    }
}
