//! The handle on the embedded PostgreSQL: start, address, stop.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::cluster;
use super::data_dir::{DataDir, Lock};
use super::error::EmbeddedError;
use super::options::EmbeddedOptions;
use super::postmaster::PidFile;
use super::process::Control;
use super::supervisor::{self, Report};

/// How [`Embedded::stop`] asks, in turn, and how long it waits each time: fast shutdown (aborts
/// transactions, writes a checkpoint), immediate shutdown (PostgreSQL kills its own children after
/// 5 s), and at last the hard way. All three keep what was committed.
const STOP_STEPS: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(2)),
    (Signal::QUIT, Duration::from_secs(6)),
    (Signal::KILL, Duration::from_secs(2)),
];

/// A running private PostgreSQL; dropping it begins a fast shutdown without waiting.
#[derive(Debug)]
pub struct Embedded {
    url: String,
    control: Arc<Control>,
    ended: oneshot::Receiver<()>,
}

impl Embedded {
    /// Starts the PostgreSQL of a data directory, making its cluster first if there is none, and
    /// returns when it accepts connections. `progress` gets a line about each thing that takes time.
    ///
    /// From then on a PostgreSQL that dies by itself is started again, on the same URL.
    ///
    /// # Errors
    ///
    /// See [`EmbeddedError`]; the directory is unlocked and nothing runs when an error is returned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops what was started, in the background.
    pub async fn start(options: &EmbeddedOptions, progress: impl Fn(&str) + Send) -> Result<Embedded, EmbeddedError> {
        let (reports, mut inbox) = mpsc::channel(4);
        let control = Arc::new(Control::default());
        let ended = supervisor::spawn(options.clone(), Arc::clone(&control), reports)?;
        let mut embedded = Embedded { url: String::new(), control, ended };
        while let Some(report) = inbox.recv().await {
            match report {
                Report::Progress(line) => progress(&line),
                Report::Failed(error) => return Err(error),
                Report::Ready(url) => {
                    embedded.url = url;
                    return Ok(embedded);
                }
            }
        }
        Err(EmbeddedError::SupervisorGone)
    }

    /// Returns the `postgres://` URL over the Unix socket, as tokio-postgres and libpq read it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops PostgreSQL and waits until it is gone and the directory is unlocked.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::NotStopped`] if it survived even SIGKILL (a disk that hangs).
    pub async fn stop(mut self) -> Result<(), EmbeddedError> {
        for (signal, patience) in STOP_STEPS {
            self.control.stop(signal);
            if timeout(patience, &mut self.ended).await.is_ok() {
                return Ok(());
            }
        }
        Err(EmbeddedError::NotStopped)
    }

    /// Returns the URL of the PostgreSQL that some process runs on this directory now, if one does
    /// and the caller may use it.
    pub fn running(data_dir: &Path) -> Option<String> {
        let dir = DataDir::existing(data_dir)?;
        let pid_file = PidFile::read(&dir.pgdata())?;
        let up = Lock::is_held(&dir.lock_file()) && pid_file.ready && pid_file.accepts();
        up.then(|| cluster::url(&pid_file.socket_dir))
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.control.stop(Signal::INT);
    }
}
