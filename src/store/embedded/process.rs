//! Child processes that end with this process, and the one that is PostgreSQL.
//!
//! On Linux every child gets a parent-death signal, so it ends even when this process is killed with
//! SIGKILL. The kernel sends it when the *thread* that forked ends, so all children are started by
//! the supervisor's thread, which outlives them. Other systems have nothing like it: there
//! PostgreSQL outlives a SIGKILL of ours until the next start on its directory ends it.
//!
//! Children are in process groups of their own: Ctrl-C in a terminal must not stop PostgreSQL while
//! the server is still answering its last requests.

use std::env;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::run_as::RunAs;

/// Returns a command that runs as the given user and gets the signal when we die.
pub(super) fn command(program: &Path, run_as: &RunAs, at_our_death: Signal) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os().filter(|(name, _)| name.as_bytes().starts_with(b"PG")) {
        // PGDATA, PGPORT, PGOPTIONS and their like are meant for other servers than this one.
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").process_group(0);
    run_as.apply(&mut command);
    die_with_us(&mut command, at_our_death);
    command
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn die_with_us(command: &mut Command, signal: Signal) {
    use rustix::process::{getpid, getppid, set_parent_process_death_signal};
    let us = getpid();
    let in_child = move || {
        // Changing the user clears the signal; the standard library does that before.
        set_parent_process_death_signal(Some(signal))?;
        if getppid() != Some(us) {
            // We died before the signal was set.
            return Err(rustix::io::Errno::SRCH.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes two system calls, takes no lock and allocates
    // nothing.
    #[expect(unsafe_code, reason = "only pre_exec runs in the child after its user has changed")]
    unsafe {
        command.pre_exec(in_child);
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn die_with_us(_: &mut Command, _: Signal) {}

/// State shared by the handle and the supervisor thread: the running postmaster, if any, and whether
/// it shall stop.
#[derive(Debug, Default)]
pub(super) struct Control {
    state: Mutex<ControlState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ControlState {
    stopping: bool,
    postmaster: Option<Pid>,
}

impl Control {
    /// Stops PostgreSQL with the given signal; it is not started again.
    pub(super) fn stop(&self, signal: Signal) {
        let mut state = self.lock();
        state.stopping = true;
        if let Some(pid) = state.postmaster {
            let _ = kill_process(pid, signal);
        }
        self.changed.notify_all();
    }

    /// Sleeps until the duration is over or PostgreSQL shall stop; returns whether it shall.
    pub(super) fn pause(&self, duration: Duration) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), duration, |state| !state.stopping)
            .unwrap_or_else(PoisonError::into_inner);
        state.stopping
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Starts the postmaster, or nothing if it should stop.
    pub(super) fn spawn(&self, command: &mut Command) -> io::Result<Option<Child>> {
        let mut state = self.lock();
        if state.stopping {
            return Ok(None);
        }
        let child = command.spawn()?;
        state.postmaster = Pid::from_raw(child.id() as i32);
        Ok(Some(child))
    }

    /// Returns how the postmaster ended, if it did.
    pub(super) fn try_reap(&self, child: &mut Child) -> io::Result<Option<ExitStatus>> {
        let mut state = self.lock();
        let status = child.try_wait()?;
        if status.is_some() {
            state.postmaster = None;
        }
        Ok(status)
    }

    /// Waits for the postmaster's end. It is reaped under the lock, or [`Control::stop`] might
    /// signal whoever gets its process id next.
    pub(super) fn reap(&self, child: &mut Child) -> io::Result<ExitStatus> {
        if let Some(pid) = Pid::from_raw(child.id() as i32) {
            let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            rustix::io::retry_on_intr(|| waitid(WaitId::Pid(pid), ended))?;
        }
        let mut state = self.lock();
        let status = child.wait()?;
        state.postmaster = None;
        Ok(status)
    }

    fn lock(&self) -> MutexGuard<'_, ControlState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
