//! `postmaster.pid`, and the postmaster that a killed process may have left behind.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::cluster::SOCKET_NAME;
use super::error::EmbeddedError;

/// How an orphan is made to end, and how long to wait each time. On Linux it is ending already, and
/// the first signal repeats what the kernel sent; elsewhere it is the only one.
const ORPHAN_STEPS: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(5)),
    (Signal::QUIT, Duration::from_secs(7)),
    (Signal::KILL, Duration::from_secs(5)),
];

/// What a postmaster says of itself in `postmaster.pid`.
#[derive(Debug)]
pub(super) struct PidFile {
    pub(super) pid: Pid,
    pub(super) socket_dir: PathBuf,
    /// Whether it says that it accepts connections.
    pub(super) ready: bool,
}

impl PidFile {
    /// Reads the file, if there is one that is complete.
    pub(super) fn read(pgdata: &Path) -> Option<PidFile> {
        PidFile::parse(&fs::read(pgdata.join("postmaster.pid")).ok()?)
    }

    /// Line 1 is the process id, line 5 the socket's directory, line 8 the status.
    fn parse(text: &[u8]) -> Option<PidFile> {
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        // A stand-alone backend writes its process id negative.
        let pid: u32 = str::from_utf8(lines.first()?).ok()?.trim().parse().ok()?;
        Some(PidFile {
            pid: Pid::from_raw(i32::try_from(pid).ok()?)?,
            socket_dir: OsStr::from_bytes(lines.get(4)?).into(),
            ready: lines.get(7).is_some_and(|status| status.trim_ascii() == b"ready"),
        })
    }

    /// Returns whether somebody accepts connections on the socket.
    pub(super) fn accepts(&self) -> bool {
        UnixStream::connect(self.socket_dir.join(SOCKET_NAME)).is_ok()
    }
}

/// Returns whether a postmaster has left its file behind, by a crash or because it still runs.
pub(super) fn left_behind(pgdata: &Path) -> bool {
    pgdata.join("postmaster.pid").exists()
}

/// Sees to it that no postmaster of an earlier run is left; to be called under the lock only.
pub(super) fn end_orphan(pgdata: &Path) -> Result<(), EmbeddedError> {
    let Some(PidFile { pid, .. }) = PidFile::read(pgdata) else {
        return Ok(());
    };
    if !is_postmaster_of(pid, pgdata) {
        if rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH) {
            // After a reboot, or in a container, the number may be another process by now, and
            // PostgreSQL would take that for the old postmaster and refuse to start.
            let _ = fs::remove_file(pgdata.join("postmaster.pid"));
        }
        return Ok(());
    }
    for (signal, patience) in ORPHAN_STEPS {
        let _ = kill_process(pid, signal);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if !is_postmaster_of(pid, pgdata) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
    Err(EmbeddedError::Orphan { pid: pid.as_raw_nonzero().get() })
}

/// Returns whether a process was started on this cluster. A zombie has no command line, so it is
/// rightly taken for gone.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_postmaster_of(pid: Pid, pgdata: &Path) -> bool {
    let arguments = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    let pgdata = pgdata.as_os_str().as_bytes();
    arguments.split(|byte| *byte == 0).any(|argument| argument == pgdata)
}

/// Returns whether a process was started on this cluster, as far as `ps` knows.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_postmaster_of(pid: Pid, pgdata: &Path) -> bool {
    let pid = pid.as_raw_nonzero().to_string();
    let listing = std::process::Command::new("ps").args(["-ww", "-o", "args=", "-p", &pid]).output();
    let pgdata = pgdata.as_os_str().as_bytes();
    listing.is_ok_and(|listing| listing.stdout.windows(pgdata.len()).any(|part| part == pgdata))
}

#[cfg(test)]
#[path = "tests/postmaster.rs"]
mod tests;
