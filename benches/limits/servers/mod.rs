//! The servers under test: started anew for each load, and stopped after it.
//!
//! Longwave keeps its data in a [`Home`] from one start to the next; the others begin with nothing. Whatever is started
//! ends with its owner.

mod durable;
pub mod floor;
mod home;
mod longwave;
mod nchan;
mod process;

use crate::usage::{self, Spent, Usage};
use anyhow::{Context, bail};
pub use home::Home;
pub use longwave::EXTERNAL_SECRET;
pub use process::Process;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether a server has started.
const LOOK: Duration = Duration::from_millis(5);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Longwave,
    /// A bare write(2) a message and subscriber: [`floor`].
    Floor,
    Durable,
    Nchan,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Longwave => "longwave",
            Self::Floor => "floor",
            Self::Durable => "durable-streams",
            Self::Nchan => "nchan",
        })
    }
}

impl Who {
    /// What it runs, with its version; none if it is not installed.
    pub fn version(self) -> Option<String> {
        match self {
            Self::Longwave => Some(format!("longwave {}", env!("CARGO_PKG_VERSION"))),
            Self::Floor => Some("a bare write".to_owned()),
            Self::Durable => durable::version(),
            Self::Nchan => nchan::version(),
        }
    }
}

/// A server that takes requests.
pub struct Server {
    pub who: Who,
    pub address: SocketAddr,
    process: Process,
    postmaster: Option<u32>,
}

impl Server {
    /// Starts Longwave, with its own PostgreSQL.
    pub fn longwave(home: &Home) -> anyhow::Result<Self> {
        let (process, address) = longwave::start(home, None)?;
        let postmaster = Some(usage::postmaster_of(process.pid())?);
        Ok(Self { who: Who::Longwave, address, process, postmaster })
    }

    /// Starts a second Longwave on the PostgreSQL of the first one.
    pub fn second(home: &Home) -> anyhow::Result<Self> {
        let (process, address) = longwave::start(home, Some(&home.database_url()))?;
        Ok(Self { who: Who::Longwave, address, process, postmaster: None })
    }

    /// Starts one of the others, with nothing in it; `dir` is its own.
    pub fn other(who: Who, dir: &Path) -> anyhow::Result<Self> {
        let (process, address) = match who {
            Who::Longwave => bail!("Longwave has a home"),
            Who::Floor => floor::start(dir)?,
            Who::Durable => durable::start(dir)?,
            Who::Nchan => nchan::start(dir)?,
        };
        Ok(Self { who, address, process, postmaster: None })
    }

    /// Stops the server, and PostgreSQL with it.
    pub fn stop(self) -> anyhow::Result<()> {
        self.process.stop()
    }

    /// Kills the server with SIGKILL.
    pub fn kill(self) -> anyhow::Result<()> {
        self.process.kill()
    }

    /// The CPU time used up to now.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        Usage::read(self.process.pid(), self.postmaster)
    }

    /// The CPU time used since `before`.
    pub fn spent(&self, before: &Usage) -> anyhow::Result<Spent> {
        Ok(self.usage()?.since(before))
    }

    /// The CPU time of its own processes, in ticks, and not PostgreSQL's.
    pub fn ticks(&self) -> anyhow::Result<u64> {
        usage::own_ticks(self.process.pid(), self.postmaster)
    }

    /// The memory (PSS) of its own processes, and not PostgreSQL's.
    pub fn memory_bytes(&self) -> anyhow::Result<u64> {
        usage::memory_bytes(self.process.pid(), self.postmaster)
    }

    /// The process of its PostgreSQL.
    pub fn postmaster(&self) -> anyhow::Result<u32> {
        self.postmaster.context("there is no PostgreSQL")
    }
}

/// A port that is free now.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits until somebody listens.
fn await_listener(address: SocketAddr, process: &mut Process) -> anyhow::Result<()> {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        if begun.elapsed() > PATIENCE || process.has_ended()? {
            bail!("{process} does not listen");
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Finds a program by the directories of PATH, and where daemons are kept.
fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    dirs.push("/usr/sbin".into());
    dirs.iter().flat_map(|dir| names.iter().map(move |name| dir.join(name))).find(|program| program.is_file())
}
