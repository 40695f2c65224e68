//! What processes use, from /proc.

use anyhow::{Context, bail};
use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

/// Ticks a second of the times in /proc: USER_HZ, which is 100 wherever Linux serves.
const TICKS: u64 = 100;

/// CPU time used up to a moment: utime + stime.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    at: Instant,
    server: u64,
    postgres: u64,
    generator: u64,
    machine: u64,
}

/// CPU time between two moments.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    pub elapsed: Duration,
    pub server: Duration,
    /// Of all its processes, also of those that have ended meanwhile; none where there is no PostgreSQL.
    pub postgres: Duration,
    /// Of this process.
    pub generator: Duration,
    /// Of everything else on the machine, interrupts included.
    pub others: Duration,
}

impl Usage {
    /// Reads what a server, its PostgreSQL, this process and the machine have used.
    pub fn read(server: u32, postmaster: Option<u32>) -> anyhow::Result<Self> {
        let postgres = postmaster.map_or(Ok(0), family)?;
        Ok(Self {
            at: Instant::now(),
            server: family(server)?.saturating_sub(postgres),
            postgres,
            generator: Stat::read(std::process::id())?.own,
            machine: machine()?,
        })
    }

    /// What was used since `before`.
    pub fn since(&self, before: &Self) -> Spent {
        let spent = |now: u64, then: u64| Duration::from_millis(now.saturating_sub(then) * 1_000 / TICKS);
        let server = spent(self.server, before.server);
        let postgres = spent(self.postgres, before.postgres);
        let generator = spent(self.generator, before.generator);
        let others = spent(self.machine, before.machine).saturating_sub(server + postgres + generator);
        Spent { elapsed: self.at - before.at, server, postgres, generator, others }
    }
}

impl Spent {
    /// Of the server and its PostgreSQL.
    pub fn total(&self) -> Duration {
        self.server + self.postgres
    }

    /// A part of it in percent of all that the machine had to give.
    pub fn percent(&self, part: Duration) -> f64 {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        100.0 * part.as_secs_f64() / self.elapsed.as_secs_f64() / cores as f64
    }
}

/// One process.
struct Stat {
    parent: u32,
    name: String,
    own: u64,
    /// Of its children that have ended.
    ended: u64,
}

impl Stat {
    fn read(pid: u32) -> anyhow::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} is gone"))?;
        Self::parse(&text).with_context(|| format!("cannot read the state of process {pid}"))
    }

    fn parse(text: &str) -> Option<Self> {
        // The name stands in parentheses, and may have some of its own.
        let (head, tail) = text.rsplit_once(')')?;
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            name: head.split_once('(')?.1.to_owned(),
            own: number(11)? + number(12)?,
            ended: number(13)? + number(14)?,
        })
    }
}

fn processes() -> anyhow::Result<HashMap<u32, Stat>> {
    let pids = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // What ends between the two looks is not there.
    Ok(pids.filter_map(|pid| Some((pid, Stat::read(pid).ok()?))).collect())
}

/// Finds the postmaster that a server has started.
pub fn postmaster_of(server: u32) -> anyhow::Result<u32> {
    let all = processes()?;
    let mut found = all.iter().filter(|(_, stat)| stat.parent == server && stat.name == "postgres");
    match (found.next(), found.next()) {
        (Some((pid, _)), None) => Ok(*pid),
        _ => bail!("the server has not exactly one postmaster"),
    }
}

/// A process and its descendants, without those of `except`.
fn descendants(all: &HashMap<u32, Stat>, root: u32, except: Option<u32>) -> Vec<u32> {
    let belongs = |mut pid: u32| {
        while pid != root {
            match all.get(&pid) {
                Some(stat) if Some(pid) != except => pid = stat.parent,
                _ => return false,
            }
        }
        true
    };
    all.keys().copied().filter(|pid| belongs(*pid)).collect()
}

/// What a process and its descendants have used. Who has ended stands in the parent's account, which is read last: so
/// an end at just this moment may count twice, and never not at all.
fn family(root: u32) -> anyhow::Result<u64> {
    let all = processes()?;
    let others = descendants(&all, root, None).into_iter().filter(|pid| *pid != root);
    let living: u64 = others.map(|pid| all[&pid].own + all[&pid].ended).sum();
    let root = Stat::read(root)?;
    Ok(living + root.own + root.ended)
}

/// What the machine has used: everything but idle and waiting for disks.
fn machine() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let fields: Vec<u64> = line.split_ascii_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are counted in user.
    Ok(fields.iter().take(8).enumerate().filter(|(index, _)| !matches!(index, 3 | 4)).map(|(_, ticks)| ticks).sum())
}

/// The proportional set size of a server's processes without its PostgreSQL, in bytes.
pub fn memory_bytes(server: u32, postmaster: Option<u32>) -> anyhow::Result<u64> {
    descendants(&processes()?, server, postmaster).into_iter().map(process_memory_bytes).sum()
}

fn process_memory_bytes(pid: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).context("a server's memory cannot be read")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    Ok(kib.context("smaps_rollup has no Pss")? * 1_024)
}

/// The CPU time of a server's processes without its PostgreSQL, in ticks.
pub fn own_ticks(server: u32, postmaster: Option<u32>) -> anyhow::Result<u64> {
    let all = processes()?;
    Ok(descendants(&all, server, postmaster).into_iter().map(|pid| all[&pid].own).sum())
}
