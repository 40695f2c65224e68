use anyhow::ensure;
use clap::{Parser, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fmt;
use std::time::Duration;

/// Descriptors beside those of streams and polls.
const OTHER_DESCRIPTORS: u64 = 1_000;

/// What a message costs: sends, deliveries, fan-out, memory of idle streams and polls, and catching up.
///
/// Starts the release server on a free port with an embedded PostgreSQL in a temporary directory (under $TMPDIR: put it
/// on a real disk, a tmpfs makes commits free), and drives it over loopback. With the defaults it takes about 90 s.
/// Progress goes to stderr, the table to stdout. The status is not 0 if anything was refused, missing or out of order.
#[derive(Parser)]
#[command(name = "spine", bin_name = "cargo bench --bench spine --")]
pub struct Options {
    /// Rounds; the table has their median, lowest and highest
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,

    /// Seconds for which each load is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,

    /// Idle streams, and then long polls beside them, that memory is measured with
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(100..=50_000))]
    pub streams: u32,

    /// Events that the client who catches up is behind
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub backlog: u32,

    /// Only these parts, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PARTS")]
    only: Vec<Part>,

    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a round is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    Memory,
    Sends,
    Delivery,
    FanOut,
    CatchUp,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Sends => "sends",
            Self::Delivery => "delivery",
            Self::FanOut => "fan-out",
            Self::CatchUp => "catch-up",
        })
    }
}

impl Options {
    /// How long each load is measured.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// The parts of a round, memory first: what a process was used for before, it does not give back.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        Part::value_variants().iter().copied().filter(|part| self.has(*part))
    }

    /// Whether a part was asked for.
    pub fn has(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Takes all the descriptors that this process may have, and the server inherits, and checks that they are enough.
    ///
    /// # Errors
    /// They are not.
    pub fn check(&self) -> anyhow::Result<()> {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
        let needed = 2 * u64::from(self.streams) + OTHER_DESCRIPTORS;
        let most = maximum.unwrap_or(u64::MAX);
        ensure!(needed <= most, "--streams {} takes {needed} descriptors, a process may have {most}", self.streams);
        Ok(())
    }

    /// What was measured where.
    pub fn title(&self, sync_time: Duration) -> String {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        format!(
            "\nlongwave {}, embedded PostgreSQL, loopback, {cores} cores, a disk that syncs a page in {:.2} ms; \
             rounds: {}; seconds a load: {}\n",
            env!("CARGO_PKG_VERSION"),
            sync_time.as_secs_f64() * 1e3,
            self.rounds,
            self.seconds
        )
    }
}
