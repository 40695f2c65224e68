//! The thread that brings PostgreSQL up and keeps it up.

use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{mpsc, oneshot};

use super::binaries::Binaries;
use super::cluster;
use super::data_dir::{DataDir, Lock};
use super::error::EmbeddedError;
use super::log_file::LogFile;
use super::options::EmbeddedOptions;
use super::postmaster::{self, PidFile};
use super::process::{self, Control};
use super::run_as::RunAs;
use super::socket_dir::SocketDir;

/// How long the first start may take; recovery after a crash replays at most some GiB of WAL.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a start goes on trying beside the children of a postmaster that was killed: they hold
/// its shared memory until they notice, usually for some milliseconds.
const ORPHANED_CHILDREN_TIMEOUT: Duration = Duration::from_secs(15);

/// The wait before a restart: the first, and the longest.
const RESTART_BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// After running for this long PostgreSQL counts as healthy, and the backoff starts anew.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);

/// What the thread reports: any number of lines of progress, then one result.
#[derive(Debug)]
pub(super) enum Report {
    Progress(String),
    Ready(String),
    Failed(EmbeddedError),
}

/// Starts the thread; the receiver resolves when it has ended.
pub(super) fn spawn(
    options: EmbeddedOptions,
    control: Arc<Control>,
    reports: mpsc::Sender<Report>,
) -> Result<oneshot::Receiver<()>, EmbeddedError> {
    let (alive, ended) = oneshot::channel();
    let data_dir = options.data_dir.clone();
    let run = move || {
        let _alive: oneshot::Sender<()> = alive;
        // A failure is reported after the lock is released and PostgreSQL is stopped.
        if let Err(error) = supervise(&options, &control, &reports) {
            let _ = reports.blocking_send(Report::Failed(error));
        }
    };
    thread::Builder::new()
        .name("embedded-postgres".to_owned())
        .spawn(run)
        .map_err(EmbeddedError::io("start a thread for", &data_dir))?;
    Ok(ended)
}

fn supervise(
    options: &EmbeddedOptions,
    control: &Control,
    reports: &mpsc::Sender<Report>,
) -> Result<(), EmbeddedError> {
    let progress = |line: String| {
        let _ = reports.blocking_send(Report::Progress(line));
    };
    let server = Server::prepare(options, progress)?;
    let Some(running) = server.start(control)? else {
        return Ok(());
    };
    let _ = reports.blocking_send(Report::Ready(cluster::url(server.socket_dir.path())));
    server.keep_up(control, running);
    Ok(())
}

/// A cluster that is ready to be started, and the lock on it. Fields drop in this order.
struct Server {
    options: EmbeddedOptions,
    binaries: Binaries,
    run_as: RunAs,
    log: LogFile,
    socket_dir: SocketDir,
    dir: DataDir,
    _lock: Lock,
}

/// A postmaster, and the thread that copies its log.
struct Running {
    child: Child,
    copying: Option<JoinHandle<()>>,
}

impl Server {
    /// Finds the binaries, locks the directory, and makes the cluster if there is none.
    fn prepare(options: &EmbeddedOptions, progress: impl Fn(String)) -> Result<Server, EmbeddedError> {
        let pgdata = options.data_dir.join("postgres");
        let run_as = RunAs::choose(&pgdata)?;
        let find = |major: Option<u32>| {
            let cluster = major.map(|major| (pgdata.as_path(), major));
            Binaries::find(options.pg_bin.as_deref(), cluster, &run_as)
        };
        // Before the directory is made: without binaries nothing should be left behind.
        let before = cluster::major(&pgdata)?;
        let mut binaries = find(before)?;
        let dir = DataDir::prepare(&options.data_dir, &run_as)?;
        let lock = Lock::take(&dir)?;
        match cluster::major(&dir.pgdata())? {
            None => {
                let path = dir.path().display();
                progress(format!("creating a PostgreSQL cluster in {path} (first start only)"));
                cluster::create(&dir, &binaries, &run_as)?;
            }
            // Somebody made it before we had the lock.
            now if now != before => binaries = find(now)?,
            Some(_) => {}
        }
        postmaster::end_orphan(&dir.pgdata())?;
        progress(format!("starting PostgreSQL {}", binaries.major));
        Ok(Server {
            options: options.clone(),
            socket_dir: SocketDir::make(&dir, &run_as)?,
            log: LogFile(dir.log_file()),
            binaries,
            run_as,
            dir,
            _lock: lock,
        })
    }

    /// Starts PostgreSQL and waits until it accepts connections; `None` if it should stop instead.
    fn start(&self, control: &Control) -> Result<Option<Running>, EmbeddedError> {
        let begin = Instant::now();
        let crashed = postmaster::left_behind(&self.dir.pgdata());
        loop {
            let Some(mut running) = self.spawn(control)? else {
                return Ok(None);
            };
            match self.wait_until_ready(control, &mut running, begin + START_TIMEOUT)? {
                None => return Ok(Some(running)),
                Some(_) if control.is_stopping() => return Ok(None),
                Some(_) if crashed && begin.elapsed() < ORPHANED_CHILDREN_TIMEOUT => {
                    control.pause(RESTART_BACKOFF.0);
                }
                Some(status) => {
                    let log = running.last_words(&self.log);
                    return Err(EmbeddedError::Ended { status, log });
                }
            }
        }
    }

    /// Waits until PostgreSQL accepts connections (`None`) or has ended.
    fn wait_until_ready(
        &self,
        control: &Control,
        running: &mut Running,
        deadline: Instant,
    ) -> Result<Option<ExitStatus>, EmbeddedError> {
        let pgdata = self.dir.pgdata();
        let failed = EmbeddedError::io("wait for", &self.binaries.postgres);
        let pid = Pid::from_raw(running.child.id() as i32);
        loop {
            match control.try_reap(&mut running.child) {
                Ok(None) => {}
                Ok(ended) => return Ok(ended),
                Err(error) => return Err(failed(error)),
            }
            // The file may be an older postmaster's.
            let ours = PidFile::read(&pgdata).filter(|file| Some(file.pid) == pid);
            if ours.is_some_and(|file| file.ready && file.accepts()) && !control.is_stopping() {
                return Ok(None);
            }
            if Instant::now() > deadline {
                if let Some(pid) = pid {
                    let _ = kill_process(pid, Signal::QUIT);
                }
                control.reap(&mut running.child).map_err(failed)?;
                return Err(EmbeddedError::NotReady {
                    limit_s: START_TIMEOUT.as_secs(),
                    log: running.last_words(&self.log),
                });
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts the postmaster, or nothing if it should stop.
    ///
    /// When we die it gets SIGINT, a fast shutdown: clients are gone then anyway, and the next
    /// start has nothing to recover; it waits for the end of this one.
    fn spawn(&self, control: &Control) -> Result<Option<Running>, EmbeddedError> {
        let postgres = &self.binaries.postgres;
        let mut command = process::command(postgres, &self.run_as, Signal::INT);
        let (pgdata, socket_dir) = (self.dir.pgdata(), self.socket_dir.path());
        command
            .args(cluster::arguments(&pgdata, socket_dir, &self.options.settings))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let child = control.spawn(&mut command);
        let Some(mut child) = child.map_err(EmbeddedError::io("run", postgres))? else {
            return Ok(None);
        };
        let log = self.log.clone();
        let copying = child.stderr.take().map(|said| thread::spawn(move || log.fill(said)));
        Ok(Some(Running { child, copying }))
    }

    /// Waits for PostgreSQL's end and starts it again, until it should stop.
    fn keep_up(&self, control: &Control, mut running: Running) {
        let mut delay = RESTART_BACKOFF.0;
        loop {
            let since = Instant::now();
            let ended = control.reap(&mut running.child);
            if since.elapsed() >= HEALTHY_AFTER {
                delay = RESTART_BACKOFF.0;
            }
            let status = ended.map_or_else(|error| error.to_string(), |ended| ended.to_string());
            running = match self.restart(control, &mut delay, status) {
                Some(running) => running,
                None => return,
            };
        }
    }

    /// Starts PostgreSQL after a delay, which grows each time; `None` if it should stop instead.
    fn restart(&self, control: &Control, delay: &mut Duration, mut fault: String) -> Option<Running> {
        while !control.is_stopping() {
            let (log, delay_ms) = (self.log.0.display(), delay.as_millis());
            tracing::warn!(fault, delay_ms, %log, "the embedded PostgreSQL is down, restarting it");
            control.pause(*delay);
            *delay = (*delay * 2).min(RESTART_BACKOFF.1);
            // Its children need no care here: while one is left PostgreSQL refuses to start.
            match postmaster::end_orphan(&self.dir.pgdata()).and_then(|()| self.spawn(control)) {
                Ok(running) => return running,
                Err(error) => fault = error.to_string(),
            }
        }
        None
    }
}

impl Running {
    /// Returns the end of the log, once the postmaster has ended and all of it was copied.
    fn last_words(&self, log: &LogFile) -> String {
        let deadline = Instant::now() + Duration::from_secs(1);
        // Not a join: a child that lingers holds the other end of the pipe.
        while !self.copying.as_ref().is_none_or(JoinHandle::is_finished) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        log.tail()
    }
}
