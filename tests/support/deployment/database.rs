//! One PostgreSQL for the whole test process, and a database of it for each test.
//!
//! The cluster runs on a thread and a runtime of its own, because each test has its own runtime, and it dies with the
//! process. NOTIFY is per database, so tests do not wake each other.

use std::path::{Path, PathBuf};
use std::sync::{OnceLock, mpsc};

use longwave::store;
use longwave::store::embedded::{Embedded, EmbeddedOptions};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use uuid::Uuid;

const TEMPLATE: &str = "longwave_template";

static CLUSTER: OnceLock<Cluster> = OnceLock::new();

struct Cluster {
    url: String,
    /// Copying a template fails while somebody else copies it.
    copying: Mutex<()>,
    finished: UnboundedSender<String>,
}

/// A database of a test's own, dropped with it.
pub struct Database {
    url: String,
    name: Option<String>,
}

impl Database {
    /// Makes a database with the server's schema.
    pub async fn migrated() -> Self {
        Self::create(&format!("TEMPLATE {TEMPLATE}")).await
    }

    /// Makes an empty database.
    pub async fn empty() -> Self {
        Self::create("").await
    }

    /// Names a database that somebody else keeps.
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned(), name: None }
    }

    async fn create(options: &str) -> Self {
        let cluster = tokio::task::spawn_blocking(|| CLUSTER.get_or_init(Cluster::start)).await.expect("a cluster");
        let name = format!("test_{}", Uuid::now_v7().simple());
        let _guard = cluster.copying.lock().await;
        execute(&cluster.url, &format!("CREATE DATABASE {name} {options}")).await;
        Self { url: with_database(&cluster.url, &name), name: Some(name) }
    }

    /// Answers the address for the server and for `client`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens a connection of the test's own.
    pub async fn client(&self) -> tokio_postgres::Client {
        connect(&self.url).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let (Some(cluster), Some(name)) = (CLUSTER.get(), self.name.take()) {
            let _ = cluster.finished.send(name);
        }
    }
}

impl Cluster {
    fn start() -> Self {
        let (ready, started) = mpsc::channel();
        let (finished, mut drops) = unbounded_channel::<String>();
        let main = async move {
            remove_leftovers();
            let embedded = start_embedded(&directory("shared"), &[("fsync", "off"), ("max_connections", "300")]).await;
            let url = embedded.url().to_owned();
            execute(&url, &format!("CREATE DATABASE {TEMPLATE}")).await;
            store::migrate(&with_database(&url, TEMPLATE)).await.expect("the migrations run");
            ready.send(url.clone()).expect("somebody waits for the cluster");
            while let Some(name) = drops.recv().await {
                execute(&url, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            }
        };
        std::thread::Builder::new()
            .name("test-postgres".to_owned())
            .spawn(|| runtime().block_on(main))
            .expect("a thread");
        Self { url: started.recv().expect("PostgreSQL starts"), copying: Mutex::new(()), finished }
    }
}

/// A PostgreSQL of one test's own, as durable as in production, to be killed.
pub struct PrivateCluster {
    embedded: Embedded,
    directory: PathBuf,
}

impl PrivateCluster {
    /// Starts one with fsync on.
    pub async fn start() -> Self {
        let directory = directory(&format!("private-{}", Uuid::now_v7().simple()));
        Self { embedded: start_embedded(&directory, &[]).await, directory }
    }

    /// Answers the address of its database.
    pub fn url(&self) -> &str {
        self.embedded.url()
    }

    /// Kills the postmaster with SIGKILL and answers its process id.
    pub fn kill(&self) -> i32 {
        let pid = self.postmaster().expect("a postmaster.pid");
        let process = rustix::process::Pid::from_raw(pid).expect("a process id");
        rustix::process::kill_process(process, rustix::process::Signal::KILL).expect("the postmaster is killed");
        pid
    }

    /// Answers the process id that the cluster's lock file names.
    pub fn postmaster(&self) -> Option<i32> {
        let file = find(&self.directory, "postmaster.pid")?;
        std::fs::read_to_string(file).ok()?.lines().next()?.trim().parse().ok()
    }

    /// Stops it and removes its files.
    pub async fn stop(self) {
        self.embedded.stop().await.expect("PostgreSQL stops");
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Opens a connection whose driver runs in the background.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("PostgreSQL answers");
    tokio::spawn(connection);
    client
}

async fn execute(url: &str, statement: &str) {
    if let Err(error) = connect(url).await.batch_execute(statement).await {
        panic!("{statement}: {error:?}");
    }
}

async fn start_embedded(directory: &Path, settings: &[(&str, &str)]) -> Embedded {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options = EmbeddedOptions { data_dir: directory.to_owned(), pg_bin: None, settings };
    Embedded::start(&options, |_| ()).await.expect("PostgreSQL starts")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Replaces the database in a URL of the embedded PostgreSQL.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, None), |(address, rest)| (address, Some(rest)));
    let (host, _) = address.rsplit_once('/').expect("a URL that names a database");
    parameters.map_or_else(|| format!("{host}/{name}"), |rest| format!("{host}/{name}?{rest}"))
}

/// Answers the place of a cluster of this process: short, because socket paths are, and open to PostgreSQL's user.
fn directory(purpose: &str) -> PathBuf {
    std::env::temp_dir().join(format!("longwave-test-{}", std::process::id())).join(purpose)
}

/// Removes the clusters of test processes that are no more.
fn remove_leftovers() {
    if !Path::new("/proc/self").exists() {
        return;
    }
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("longwave-test-"));
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn find(directory: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<_> = std::fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path()).collect();
    let here = entries.iter().find(|path| path.file_name().is_some_and(|file| file == name)).cloned();
    here.or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path, name)))
}
