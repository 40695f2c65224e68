//! The server under test, and the directory that it keeps its data in.

use super::usage::{self, Spent, Usage};
use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The key of the tokens that the generator mints.
pub const EXTERNAL_SECRET: &str = "the secret of the benchmark's app backend";
/// How long the server may take to start, `initdb` included, or to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pages that are written to see how fast the disk is.
const SYNCS: usize = 25;
/// How often it is looked whether the server has calmed down.
const LOOK: Duration = Duration::from_millis(100);
/// Quiet looks in a row that count as calm: on a busy machine, one may only mean that the server got no core.
const QUIET_LOOKS: u32 = 4;
/// Looks at most.
const LOOKS: u32 = 100;

/// A directory that goes with its owner.
pub struct DataDir(PathBuf);

impl DataDir {
    /// Makes a directory of this process's own.
    pub fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("longwave-spine-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// How long it takes to get one page onto the disk, which is what no commit can do without.
    pub fn sync_time(&self) -> anyhow::Result<Duration> {
        let path = self.0.join("page");
        let mut file = File::create(&path)?;
        let mut times = Vec::with_capacity(SYNCS);
        for _ in 0..SYNCS {
            file.write_all(&[1; 8_192])?;
            let begun = Instant::now();
            file.sync_data()?;
            times.push(begun.elapsed());
        }
        fs::remove_file(path)?;
        times.sort_unstable();
        Ok(times[SYNCS / 2])
    }

    fn log(&self) -> PathBuf {
        self.0.join("server.log")
    }

    /// What the server said last.
    pub fn last_words(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!("\nthe server's log ends with:\n{}\n", lines[lines.len().saturating_sub(20)..].join("\n"))
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// A server process with its PostgreSQL.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
    pid: u32,
    postmaster: u32,
    /// Kept open: who writes to a closed pipe gets an error.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts a server and waits until it takes requests.
    pub async fn start(dir: &DataDir) -> anyhow::Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_longwave"))
            .args(["serve", "--listen", "127.0.0.1:0", "--rate-limits", "off", "--data-dir"])
            .arg(dir.0.join("data"))
            .env_remove("DATABASE_URL")
            .env("LONGWAVE_EXTERNAL_JWT_SECRET", EXTERNAL_SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(dir.log())?)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the server")?;
        let mut stdout = BufReader::new(child.stdout.take().context("the server has no stdout")?).lines();
        let address =
            tokio::time::timeout(PATIENCE, address(&mut stdout)).await.context("the server does not start")??;
        let pid = child.id().context("the server has ended")?;
        Ok(Self { address, pid, postmaster: usage::postmaster_of(pid)?, child, _stdout: stdout })
    }

    /// Stops the server, and PostgreSQL with it.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("the server has no process id")?;
        kill_process(pid, Signal::TERM)?;
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.context("the server does not stop")??;
        if !status.success() {
            bail!("the server ended with {status}");
        }
        Ok(())
    }

    /// The CPU time used up to now.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        Usage::read(self.pid, self.postmaster)
    }

    /// The CPU time used since `before`.
    pub fn spent(&self, before: &Usage) -> anyhow::Result<Spent> {
        Ok(self.usage()?.since(before))
    }

    /// The server's own memory (PSS), without PostgreSQL's.
    pub fn memory_bytes(&self) -> anyhow::Result<u64> {
        usage::memory_bytes(self.pid)
    }

    /// Waits until the server has no more to do: connections that were closed are gone, and new ones have caught up.
    pub async fn settle(&self) -> anyhow::Result<()> {
        let (mut before, mut quiet) = (usage::ticks(self.pid)?, 0);
        for _ in 0..LOOKS {
            tokio::time::sleep(LOOK).await;
            let now = usage::ticks(self.pid)?;
            // One tick is what it takes to look through the streams, and to send heartbeats.
            quiet = if now <= before + 1 { quiet + 1 } else { 0 };
            if quiet == QUIET_LOOKS {
                return Ok(());
            }
            before = now;
        }
        bail!("the server is busy though nothing is asked of it")
    }
}

async fn address(stdout: &mut Lines<BufReader<ChildStdout>>) -> anyhow::Result<SocketAddr> {
    while let Some(line) = stdout.next_line().await? {
        if let Some(address) = line.strip_prefix("listening on http://") {
            return Ok(address.trim_end_matches('/').parse()?);
        }
    }
    bail!("the server ended before it listened")
}
