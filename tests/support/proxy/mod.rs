//! A TCP proxy in front of PostgreSQL that breaks connections in the ways in which networks do.
//!
//! It follows the protocol far enough to tell connections that LISTEN from the others, and the call that appends to
//! the log from other calls. Each fault counts what it did, so that a test can assert that the fault has happened.

mod frames;
mod link;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::net::{TcpListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;
use tokio_util::sync::CancellationToken;

use super::{SOON, within};
use frames::Frame;
use link::Link;

/// The proxy. It stops, and resets everything, when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    upstream: tokio_postgres::Config,
    faults: Arc<Faults>,
    task: JoinHandle<()>,
}

/// The faults to inject, and counts of those that happened.
#[derive(Default)]
pub struct Faults {
    links: Mutex<Vec<Weak<Link>>>,
    listens: AtomicUsize,
    blackhole: AtomicBool,
    blackhole_all: AtomicBool,
    blackhole_after_error: AtomicBool,
    swallow: AtomicBool,
    swallowed: AtomicUsize,
    log_round_trips: AtomicUsize,
    stall: Mutex<Option<Stall>>,
}

struct Stall {
    reached: CancellationToken,
    go_on: CancellationToken,
    done: oneshot::Sender<bool>,
}

impl Faults {
    fn on_listen(&self, link: &Link) {
        link.listening.store(true, Ordering::SeqCst);
        link.blackholed.fetch_or(self.blackhole.load(Ordering::SeqCst), Ordering::SeqCst);
        self.listens.fetch_add(1, Ordering::SeqCst);
    }

    fn take_swallow(&self) -> bool {
        self.swallow.swap(false, Ordering::SeqCst)
    }

    fn on_answer(&self, frame: &Frame, link: &Link) {
        if frame.is_error() && self.blackhole_after_error.swap(false, Ordering::SeqCst) {
            link.blackholed_after_answer.store(true, Ordering::SeqCst);
        }
        if frame.ends_an_answer() && link.blackholed_after_answer.load(Ordering::SeqCst) {
            link.blackholed.store(true, Ordering::SeqCst);
        }
    }

    fn swallowed(&self) {
        self.swallowed.fetch_add(1, Ordering::SeqCst);
    }

    fn count_log_round_trip(&self) {
        self.log_round_trips.fetch_add(1, Ordering::SeqCst);
    }

    fn take_stall(&self) -> Option<(CancellationToken, oneshot::Sender<bool>)> {
        let stall = self.stall.lock().expect("no panic under the lock").take()?;
        stall.reached.cancel();
        Some((stall.go_on, stall.done))
    }

    fn listening(&self) -> Vec<Arc<Link>> {
        let links = self.links.lock().expect("no panic under the lock");
        links.iter().filter_map(Weak::upgrade).filter(|link| link.listening.load(Ordering::SeqCst)).collect()
    }
}

/// An append whose first attempt waits in the proxy, its client gone.
pub struct StalledAppend {
    reached: CancellationToken,
    go_on: CancellationToken,
    done: oneshot::Receiver<bool>,
}

impl StalledAppend {
    /// Waits until an append has been caught.
    pub async fn reached(&self) {
        within("an append is caught", SOON, self.reached.cancelled()).await;
    }

    /// Lets the first attempt go on to PostgreSQL, and answers whether its transaction committed.
    pub async fn release(self) -> bool {
        self.go_on.cancel();
        within("the stalled append ends", SOON, self.done).await.unwrap_or(false)
    }
}

impl Proxy {
    /// Starts a proxy for the PostgreSQL behind the Unix socket that `url` names.
    pub async fn start(url: &str) -> Self {
        let upstream: tokio_postgres::Config = url.parse().expect("a URL of PostgreSQL");
        let socket = socket_of(&upstream);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let faults = Arc::new(Faults::default());
        let task = tokio::spawn(accept(listener, socket, Arc::clone(&faults)));
        Self { address, upstream, faults, task }
    }

    /// Answers the address of the database through this proxy.
    pub fn url(&self) -> String {
        let user = self.upstream.get_user().expect("a user");
        let password = self.upstream.get_password().map(|bytes| format!(":{}", String::from_utf8_lossy(bytes)));
        let database = self.upstream.get_dbname().expect("a database");
        format!("postgres://{user}{}@{}/{database}?sslmode=disable", password.unwrap_or_default(), self.address)
    }

    /// Answers how often a LISTEN has come by.
    pub fn listens(&self) -> usize {
        self.faults.listens.load(Ordering::SeqCst)
    }

    /// Resets the connections that listen; answers how many.
    pub fn reset_listeners(&self) -> usize {
        let links = self.faults.listening();
        links.iter().for_each(|link| link.cut.cancel());
        links.len()
    }

    /// Lets the connections that listen, and those that will, lose everything without a reset; answers how many there are.
    pub fn blackhole_listeners(&self) -> usize {
        self.faults.blackhole.store(true, Ordering::SeqCst);
        let links = self.faults.listening();
        links.iter().for_each(|link| link.blackholed.store(true, Ordering::SeqCst));
        links.len()
    }

    /// Lets all connections, and those that will be opened, lose everything without a word.
    pub fn blackhole_all(&self) {
        self.faults.blackhole_all.store(true, Ordering::SeqCst);
        let links = self.faults.links.lock().expect("no panic under the lock");
        links.iter().filter_map(Weak::upgrade).for_each(|link| link.blackholed.store(true, Ordering::SeqCst));
    }

    /// Lets the connection that gets the next error lose everything after it without a word.
    pub fn blackhole_after_next_error(&self) {
        self.faults.blackhole_after_error.store(true, Ordering::SeqCst);
    }

    /// Lets new connections pass again. What is in the black hole stays there.
    pub fn heal(&self) {
        self.faults.blackhole_all.store(false, Ordering::SeqCst);
        self.faults.blackhole.store(false, Ordering::SeqCst);
    }

    /// Lets the next append commit, and resets its connection in place of the answer.
    pub fn swallow_next_append(&self) {
        self.faults.swallow.store(true, Ordering::SeqCst);
    }

    /// Answers how many answers were swallowed.
    pub fn swallowed(&self) -> usize {
        self.faults.swallowed.load(Ordering::SeqCst)
    }

    /// Answers how many round trips the connection has made by which the node writes to the log.
    pub fn log_round_trips(&self) -> usize {
        self.faults.log_round_trips.load(Ordering::SeqCst)
    }

    /// Resets the connection of the next append before PostgreSQL gets it, and keeps the request.
    pub fn stall_next_append(&self) -> StalledAppend {
        let (reached, go_on) = (CancellationToken::new(), CancellationToken::new());
        let (done, result) = oneshot::channel();
        let stall = Stall { reached: reached.clone(), go_on: go_on.clone(), done };
        *self.faults.stall.lock().expect("no panic under the lock") = Some(stall);
        StalledAppend { reached, go_on, done: result }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        let links = self.faults.links.lock().expect("no panic under the lock");
        links.iter().filter_map(Weak::upgrade).for_each(|link| link.cut.cancel());
    }
}

async fn accept(listener: TcpListener, socket: PathBuf, faults: Arc<Faults>) {
    loop {
        let (client, _) = listener.accept().await.expect("a connection");
        let Ok(server) = UnixStream::connect(&socket).await else { continue };
        let link = Arc::new(Link::default());
        link.blackholed.store(faults.blackhole_all.load(Ordering::SeqCst), Ordering::SeqCst);
        let mut links = faults.links.lock().expect("no panic under the lock");
        links.retain(|link| link.strong_count() > 0);
        links.push(Arc::downgrade(&link));
        drop(links);
        tokio::spawn(link::serve(client, server, link, Arc::clone(&faults)));
    }
}

fn socket_of(config: &tokio_postgres::Config) -> PathBuf {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts() {
        [Host::Unix(directory)] => directory.join(format!(".s.PGSQL.{port}")),
        other => panic!("a Unix socket, not {other:?}"),
    }
}
