//! A process that ends with its owner.

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(10);

pub struct Process {
    name: String,
    child: Child,
    /// Kept open: who writes to a closed pipe gets an error.
    stdout: Option<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a process; what it says to stderr is appended to `log`.
    pub fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let name = command.get_program().display().to_string();
        let log = std::fs::File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let stdout = child.stdout.take().map(BufReader::new);
        Ok(Self { name, child, stdout })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the line that tells where it listens.
    pub fn address(&mut self) -> anyhow::Result<SocketAddr> {
        let stdout = self.stdout.as_mut().context("no stdout")?;
        for line in stdout.lines() {
            if let Some(address) = line?.strip_prefix("listening on http://") {
                return Ok(address.trim_end_matches('/').parse()?);
            }
        }
        bail!("{} ended before it listened", self.name)
    }

    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Asks it to end, and waits.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                // Who takes no notice of the signal is ended by it.
                if !status.success() && status.signal() != Some(Signal::TERM.as_raw()) {
                    bail!("{self} ended with {status}");
                }
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        bail!("{self} does not stop")
    }

    /// Kills it, and does not wait longer than that takes.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).context("no process id")?;
        Ok(kill_process(pid, signal)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let asked = self.signal(Signal::TERM).is_ok();
            let begun = Instant::now();
            while asked && begun.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(LOOK);
            }
            // It has ended, or it must now; either way there is nobody left to tell.
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
