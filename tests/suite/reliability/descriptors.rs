//! A node that runs out of file descriptors says so once, answers whom it cannot serve, and goes on.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::support::{Database, SOON, eventually, within};

/// A node as a process with a limit of descriptors, and what it writes to stderr.
struct LimitedNode {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    _database: Database,
}

impl LimitedNode {
    async fn start(descriptors: u64) -> Self {
        let database = Database::migrated().await;
        let mut child = Command::new("sh")
            .args(["-c", &format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_longwave"))
            .args(["serve", "--listen", "127.0.0.1:0", "--rate-limits", "off"])
            .env("DATABASE_URL", database.url())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a shell");
        let output = lines(child.stdout.take().expect("a pipe"));
        let log = lines(child.stderr.take().expect("a pipe"));
        let address = eventually("the node says where it listens", 6 * SOON, async || {
            let output = output.lock().expect("lines");
            output.iter().find_map(|line| line.strip_prefix("listening on http://")?.parse().ok())
        })
        .await;
        let node = Self { child, address, log, _database: database };
        eventually("the node is ready", 6 * SOON, async || {
            let mut connection = node.connect().await;
            (ask(&mut connection, "/readyz").await?.status == 200).then_some(())
        })
        .await;
        node
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Connects until one is refused: those that are served, and what the refused one was answered.
    async fn fill(&self) -> (Vec<TcpStream>, Reply) {
        let mut served = Vec::new();
        loop {
            let mut connection = self.connect().await;
            let reply = ask(&mut connection, "/healthz").await.expect("an answer");
            match reply.status {
                200 => served.push(connection),
                _ => return (served, reply),
            }
            assert!(served.len() < 256, "more connections than descriptors");
        }
    }

    fn logged(&self, text: &str) -> usize {
        self.log.lock().expect("lines").iter().filter(|line| line.contains(text)).count()
    }

    /// Sets the soft limit of the running process; the hard one stays.
    fn limit(&self, descriptors: Option<u64>) {
        let id = self.child.id().and_then(|id| Pid::from_raw(id as i32));
        let hard = prlimit(id, Resource::Nofile, Rlimit { current: Some(1), maximum: Some(256) }).expect("a limit");
        let limit = Rlimit { current: descriptors.or(hard.maximum), maximum: Some(256) };
        prlimit(id, Resource::Nofile, limit).expect("a limit");
    }
}

/// Collects the lines of a pipe.
fn lines(pipe: impl AsyncRead + Unpin + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let collected = Arc::new(Mutex::new(Vec::new()));
    let (into, mut lines) = (collected.clone(), BufReader::new(pipe).lines());
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            into.lock().expect("lines").push(line);
        }
    });
    collected
}

/// What came in answer to one request, as text.
struct Reply {
    status: u16,
    text: String,
}

/// Sends a request; none: the connection ended before the answer.
async fn ask(connection: &mut TcpStream, path: &str) -> Option<Reply> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: node\r\n\r\n");
    connection.write_all(request.as_bytes()).await.ok()?;
    let mut text = String::new();
    while !text.contains("}\n") {
        let mut bytes = [0; 4_096];
        let count = within("an answer", 2 * SOON, connection.read(&mut bytes)).await.ok().filter(|count| *count > 0)?;
        text.push_str(std::str::from_utf8(&bytes[..count]).expect("text"));
    }
    Some(Reply { status: text.get(9..12)?.parse().ok()?, text })
}

#[tokio::test]
async fn connection_beyond_the_limit_is_answered_503_until_another_has_ended() {
    let node = LimitedNode::start(256).await;
    let (mut served, refused) = node.fill().await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    let head = refused.text.to_lowercase();
    for part in ["application/problem+json", "retry-after: ", "connection: close", "\"code\":\"unavailable\""] {
        assert!(head.contains(part), "no {part} in {head}");
    }
    assert!(served.len() > 100, "{}", served.len());
    // Those that are connected are served, with PostgreSQL.
    assert_eq!(ask(&mut served[0], "/readyz").await.expect("an answer").status, 200);
    served.truncate(50);
    eventually("new connections are served again", 2 * SOON, async || {
        let mut connection = node.connect().await;
        (ask(&mut connection, "/readyz").await?.status == 200).then_some(())
    })
    .await;
    assert_eq!(node.logged("too many connections"), 1);
}

#[tokio::test]
async fn connection_beyond_the_concurrent_refusals_is_closed_and_holds_up_nobody() {
    let node = LimitedNode::start(256).await;
    let (mut served, _) = node.fill().await;
    // Each of these is being refused until it sends something, or for two seconds.
    let mut silent = Vec::new();
    eventually("a connection is closed without an answer", 4 * SOON, async || {
        silent.clear();
        for _ in 0..16 {
            silent.push(node.connect().await);
        }
        ask(&mut node.connect().await, "/healthz").await.is_none().then_some(())
    })
    .await;
    served.truncate(50);
    eventually("new connections are served again", 2 * SOON, async || {
        (ask(&mut node.connect().await, "/readyz").await?.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn outage_of_descriptors_is_logged_once_and_ends_with_its_cause() {
    let node = LimitedNode::start(256).await;
    node.limit(Some(8));
    let mut waiting = node.connect().await;
    eventually("the outage is logged", 2 * SOON, async || (node.logged("cannot accept") > 0).then_some(())).await;
    // Longer than many attempts of a node that tries again and again.
    tokio::time::sleep(Duration::from_millis(500)).await;
    node.limit(None);
    assert_eq!(ask(&mut waiting, "/healthz").await.expect("an answer").status, 200);
    assert_eq!(node.logged("cannot accept"), 1);
}
