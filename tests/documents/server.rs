//! The server as somebody starts it who has read nothing but the README: with its own PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::support::within;

/// Making a cluster takes a second or two; on a busy machine much more.
const STARTS_WITHIN: Duration = Duration::from_secs(120);
const STOPS_WITHIN: Duration = Duration::from_secs(30);
/// As the README has it, seen from where the server is started.
const DATA: &str = "longwave-data";

/// A running server, and the directory that it was started in.
pub struct Server {
    child: Child,
    directory: PathBuf,
    /// `host:port`
    pub address: String,
    /// The commands that it showed when it started.
    pub shown: Vec<String>,
}

impl Server {
    /// Starts it, and waits until it has said all that it says.
    pub async fn start() -> Self {
        // A short path, because that of a socket in it must be.
        let directory =
            Path::new("/tmp").join(format!("longwave-readme-{}", &Uuid::new_v4().simple().to_string()[..8]));
        std::fs::create_dir_all(&directory).expect("a directory");
        let mut child = Command::new(env!("CARGO_BIN_EXE_longwave"))
            .args(["--listen", "127.0.0.1:0"])
            .current_dir(&directory)
            .env_remove("DATABASE_URL")
            .env("LONGWAVE_DATA_DIR", DATA)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let (mut address, mut shown) = (String::new(), Vec::new());
        within("the server shows three commands", STARTS_WITHIN, async {
            while shown.len() < 3 {
                let line = lines.next_line().await.expect("text").expect("the server listens before it ends");
                if let Some(listening) = line.strip_prefix("listening on http://") {
                    address = listening.to_owned();
                }
                shown.extend(line.starts_with("curl").then_some(line));
            }
        })
        .await;
        Self { child, directory, address, shown }
    }

    /// Answers the directory that it was started in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Answers the directory of its PostgreSQL.
    pub fn data(&self) -> PathBuf {
        self.directory.join(DATA)
    }

    /// Stops it as Ctrl-C does, and removes what it wrote.
    pub async fn stop(mut self) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).expect("it runs");
        kill_process(pid, Signal::INT).expect("a signal");
        let status = within("the server stops", STOPS_WITHIN, self.child.wait()).await.expect("a status");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
