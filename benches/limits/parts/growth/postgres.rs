//! The embedded PostgreSQL without its server: to write into the log what nobody sent.

use crate::servers::{Home, Process, Server};
use anyhow::{Context, bail};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

/// How long PostgreSQL may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);
/// What a log that can be made again does not need, and what makes it faster. None of it is kept.
const SETTINGS: [&str; 7] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "max_wal_size=16GB",
    "shared_buffers=1GB",
    "maintenance_work_mem=512MB",
];

/// How a server started its PostgreSQL.
pub struct Recipe {
    program: PathBuf,
    arguments: Vec<String>,
    user: u32,
    group: u32,
}

impl Recipe {
    /// Reads it from the server that runs.
    pub fn of(server: &Server) -> anyhow::Result<Self> {
        let process = PathBuf::from(format!("/proc/{}", server.postmaster()?));
        let line = fs::read_to_string(process.join("cmdline"))?;
        let arguments = line.trim_end_matches('\0').split('\0').skip(1).map(str::to_owned).collect();
        let owner = fs::metadata(&process)?;
        Ok(Self { program: fs::read_link(process.join("exe"))?, arguments, user: owner.uid(), group: owner.gid() })
    }
}

/// A PostgreSQL of our own, and a connection to it.
pub struct Postgres {
    process: Process,
    runtime: Runtime,
    client: Client,
}

impl Postgres {
    /// Starts it on a server's data, while that server does not run.
    pub fn start(home: &Home, recipe: &Recipe) -> anyhow::Result<Self> {
        let mut command = Command::new(&recipe.program);
        command.args(&recipe.arguments);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        if rustix::process::geteuid().is_root() {
            command.uid(recipe.user).gid(recipe.group);
        }
        let mut process = Process::start(&mut command, &home.log())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let begun = Instant::now();
        let client = loop {
            match runtime.block_on(tokio_postgres::connect(&home.database_url(), NoTls)) {
                Ok((client, connection)) => {
                    runtime.spawn(connection);
                    break client;
                }
                Err(error) if begun.elapsed() > PATIENCE || process.has_ended()? => {
                    return Err(error).context("PostgreSQL does not start");
                }
                Err(_) => std::thread::sleep(LOOK),
            }
        };
        Ok(Self { process, runtime, client })
    }

    /// Runs statements.
    pub fn run(&self, sql: &str) -> anyhow::Result<()> {
        self.runtime.block_on(self.client.batch_execute(sql)).with_context(|| format!("PostgreSQL refused {sql}"))
    }

    /// Reads one number.
    pub fn number(&self, sql: &str) -> anyhow::Result<i64> {
        Ok(self.runtime.block_on(self.client.query_one(sql, &[]))?.try_get(0)?)
    }

    /// Stops it.
    pub fn stop(self) -> anyhow::Result<()> {
        self.run("CHECKPOINT")?;
        let Self { process, runtime, client } = self;
        drop(client);
        runtime.shutdown_timeout(PATIENCE);
        if let Err(error) = process.stop() {
            bail!("PostgreSQL: {error}");
        }
        Ok(())
    }
}
