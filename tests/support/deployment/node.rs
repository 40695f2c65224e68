//! One node: the server inside the test process, or a process of its own that can be killed.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longwave::config::Config;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::proxy::Proxy;
use crate::support::{eventually, within};

const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// Where each node listens now; changes when a killed one comes back.
#[derive(Clone, Default)]
pub struct Addresses(Arc<Mutex<Vec<SocketAddr>>>);

impl Addresses {
    /// Answers the URL of `path` on a node.
    pub fn url(&self, node: usize, path: &str) -> String {
        format!("http://{}{path}", self.get(node))
    }

    /// Answers where a node listens.
    pub fn get(&self, node: usize) -> SocketAddr {
        self.0.lock().expect("no panic under the lock")[node]
    }

    pub(in crate::support) fn push(&self, address: SocketAddr) {
        self.0.lock().expect("no panic under the lock").push(address);
    }

    pub(in crate::support) fn replace(&self, node: usize, address: SocketAddr) {
        self.0.lock().expect("no panic under the lock")[node] = address;
    }
}

/// A running node.
pub struct Node {
    kind: Kind,
    pub proxy: Option<Proxy>,
}

enum Kind {
    Task { shutdown: CancellationToken, task: Option<JoinHandle<anyhow::Result<()>>> },
    Process(Child),
}

impl Node {
    /// Starts a node inside this process and waits until it is ready.
    pub async fn in_process(arguments: &[String], proxy: Option<Proxy>) -> (Self, SocketAddr) {
        let config = Config::try_from_args(arguments.iter().map(String::as_str)).expect("a good command line");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(longwave::app::run(config, listener, shutdown.clone(), || ()));
        eventually("the node is ready", STARTS_WITHIN, async || {
            assert!(!task.is_finished(), "the node stopped before it was ready");
            is_ready(address).await.then_some(())
        })
        .await;
        (Self { kind: Kind::Task { shutdown, task: Some(task) }, proxy }, address)
    }

    /// Starts a node as a process and waits until it is ready. Its output is the test's.
    pub async fn as_process(
        arguments: &[String],
        environment: &[(String, String)],
        database_url: &str,
    ) -> (Self, SocketAddr) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_longwave"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .envs(environment.iter().cloned())
            .env("DATABASE_URL", database_url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let address = within("the node says where it listens", STARTS_WITHIN, async {
            loop {
                let line = lines.next_line().await.expect("a line").expect("the node listens before it stops");
                if let Some(address) = line.trim().strip_prefix("listening on http://") {
                    return address.trim_end_matches('/').parse().expect("an address");
                }
            }
        })
        .await;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        eventually("the node is ready", STARTS_WITHIN, async || is_ready(address).await.then_some(())).await;
        (Self { kind: Kind::Process(child), proxy: None }, address)
    }

    /// Kills a process node with SIGKILL and waits until it is gone.
    pub async fn kill(&mut self) {
        match &mut self.kind {
            Kind::Process(child) => child.kill().await.expect("the node is killed"),
            Kind::Task { .. } => panic!("a node inside the test process cannot be killed"),
        }
    }

    /// Asks the node to drain, and waits until it has stopped.
    pub async fn stop(&mut self) {
        let Kind::Task { shutdown, task } = &mut self.kind else { panic!("only nodes inside the process are stopped") };
        shutdown.cancel();
        let task = task.take().expect("a node is stopped once");
        let stopped = within("the node stops", Duration::from_secs(60), task).await;
        stopped.expect("the node does not panic").expect("the node stops without an error");
    }

    /// Asks the node to drain, and does not wait.
    pub fn drain(&self) {
        match &self.kind {
            Kind::Task { shutdown, .. } => shutdown.cancel(),
            Kind::Process(_) => panic!("only nodes inside the process are drained"),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Kind::Task { shutdown, .. } = &self.kind {
            shutdown.cancel();
        }
    }
}

async fn is_ready(address: SocketAddr) -> bool {
    reqwest::get(format!("http://{address}/readyz")).await.is_ok_and(|answer| answer.status().as_u16() == 200)
}
