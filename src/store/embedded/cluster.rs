//! The cluster on disk: making it, its version, and the settings that it is started with.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use uuid::Uuid;

use super::binaries::Binaries;
use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::process;
use super::run_as::RunAs;

/// The superuser and the database that the URL names.
const CLUSTER_NAME: &str = "longwave";

/// The socket's file name, made of the port, which means nothing else without TCP.
pub(super) const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// The beginning of the name of a cluster that is not finished.
const DRAFT_PREFIX: &str = "postgres.new-";

/// What PostgreSQL is started with; every value wins over `postgresql.conf`, and the caller's
/// settings over these.
const CLUSTER_SETTINGS: [&str; 10] = [
    "listen_addresses=",
    "port=5432",
    "unix_socket_permissions=0700",
    "fsync=on",
    "full_page_writes=on",
    // Room for a node's pools and for people with psql.
    "max_connections=200",
    "shared_buffers=128MB",
    // The log comes to us by stderr, and has what needs attention.
    "logging_collector=off",
    "log_destination=stderr",
    "log_checkpoints=off",
];

/// Returns the major version of the cluster in `pgdata`, or `None` if there is no cluster yet.
pub(super) fn major(pgdata: &Path) -> Result<Option<u32>, EmbeddedError> {
    let file = pgdata.join("PG_VERSION");
    match fs::read_to_string(&file) {
        Ok(version) => Ok(version.trim().parse().ok()),
        Err(_) if !pgdata.exists() => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut entries = fs::read_dir(pgdata).map_err(EmbeddedError::io("read", pgdata))?;
            match entries.next() {
                None => Ok(None),
                Some(_) => Err(EmbeddedError::NotACluster(pgdata.to_owned())),
            }
        }
        Err(error) => Err(EmbeddedError::io("read", &file)(error)),
    }
}

/// Makes the cluster with its database. It is made beside its place and moved there when it is
/// whole and on disk, so that nothing half made is ever found.
pub(super) fn create(dir: &DataDir, binaries: &Binaries, run_as: &RunAs) -> Result<(), EmbeddedError> {
    remove_drafts(dir);
    let draft = dir.path().join(format!("{DRAFT_PREFIX}{}", Uuid::new_v4().simple()));
    DirBuilder::new().mode(0o700).create(&draft).map_err(EmbeddedError::io("create", &draft))?;
    run_as.give(&draft)?;
    init(dir, &draft, binaries, run_as)?;
    create_database(dir, &draft, binaries, run_as)?;
    let pgdata = dir.pgdata();
    fs::rename(&draft, &pgdata).map_err(EmbeddedError::io("move the new cluster to", &pgdata))?;
    File::open(dir.path()).and_then(|parent| parent.sync_all()).map_err(EmbeddedError::io("sync", dir.path()))
}

/// Removes what earlier attempts left, as far as it can be: an `initdb` whose parent was killed may
/// still be writing, and then the next start gets the rest.
fn remove_drafts(dir: &DataDir) {
    for entry in fs::read_dir(dir.path()).into_iter().flatten().flatten() {
        if entry.file_name().as_bytes().starts_with(DRAFT_PREFIX.as_bytes()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn init(dir: &DataDir, pgdata: &Path, binaries: &Binaries, run_as: &RunAs) -> Result<(), EmbeddedError> {
    let mut initdb = process::command(&binaries.initdb, run_as, Signal::TERM);
    initdb
        .current_dir(dir.path())
        .arg("--pgdata")
        .arg(pgdata)
        .args(["--username", CLUSTER_NAME, "--encoding", "UTF8", "--locale", "C"])
        // Whoever can open the socket may be anyone: its directory keeps all others out.
        .args(["--auth-local", "trust", "--auth-host", "reject"])
        .args(["--data-checksums", "--no-instructions"])
        .stdin(Stdio::null());
    let output = initdb.output().map_err(EmbeddedError::io("run", &binaries.initdb))?;
    check("initdb", output)
}

fn create_database(dir: &DataDir, pgdata: &Path, binaries: &Binaries, run_as: &RunAs) -> Result<(), EmbeddedError> {
    let mut single: Command = process::command(&binaries.postgres, run_as, Signal::KILL);
    single
        .current_dir(dir.path())
        .args(["--single", "-c", "exit_on_error=on", "-D"])
        .arg(pgdata)
        .arg("postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let failed = |error| EmbeddedError::io("run", &binaries.postgres)(error);
    let mut child = single.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // If it is gone already its exit status says more than this error.
        let _ = writeln!(stdin, "CREATE DATABASE {CLUSTER_NAME};");
    }
    check("postgres --single", child.wait_with_output().map_err(failed)?)
}

fn check(tool: &'static str, output: Output) -> Result<(), EmbeddedError> {
    if output.status.success() {
        return Ok(());
    }
    Err(EmbeddedError::Create {
        tool,
        status: output.status,
        output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// Returns the arguments of `postgres` for a cluster.
pub(super) fn arguments(pgdata: &Path, socket_dir: &Path, settings: &[(String, String)]) -> Vec<OsString> {
    // The setting is a list, so the one directory is quoted.
    let mut socket = b"unix_socket_directories=\"".to_vec();
    for byte in socket_dir.as_os_str().as_bytes() {
        socket.extend(if *byte == b'"' { b"\"\"" } else { std::slice::from_ref(byte) });
    }
    socket.push(b'"');

    let mut arguments: Vec<OsString> = vec!["-D".into(), pgdata.into()];
    let ours = CLUSTER_SETTINGS.iter().map(OsString::from);
    let theirs = settings.iter().map(|(name, value)| format!("{name}={value}").into());
    for setting in ours.chain([OsString::from_vec(socket)]).chain(theirs) {
        arguments.extend([OsString::from("-c"), setting]);
    }
    arguments
}

/// Returns the URL of the cluster whose socket is in a directory.
pub(super) fn url(socket_dir: &Path) -> String {
    format!("postgres://{CLUSTER_NAME}@{}/{CLUSTER_NAME}", percent_encoded(socket_dir.as_os_str()))
}

fn percent_encoded(text: &OsStr) -> String {
    text.as_bytes().iter().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(*byte));
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        encoded
    })
}

#[cfg(test)]
#[path = "tests/cluster.rs"]
mod tests;
