//! LISTEN: what wakes this node when another one has written. Hints only; whoever is woken also polls.

use crate::ids::Position;
use crate::shutdown::Shutdown;
use crate::store::{Driver, StoreError, connect};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_postgres::{AsyncMessage, Client, Notification};

/// Carries the new head of the log after each append.
const LOG_CHANNEL: &str = "longwave_log";
/// Says that a session or user has ended.
pub const SESSIONS_CHANNEL: &str = "longwave_sessions";
/// Carries what nodes tell each other about presence and typing, which is not in the log.
pub const LIVE_CHANNEL: &str = "longwave_live";
/// Messages of [`LIVE_CHANNEL`] that may wait here: further ones displace the oldest.
const MAX_LIVE_MESSAGES: usize = 1_024;
/// How often the connection must prove that it is alive: TCP alone never notices a silent peer that it asks nothing.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// Wakes those who follow the log. Cheap to clone.
#[derive(Clone)]
pub struct Wakeups {
    head: watch::Receiver<Position>,
    sessions: watch::Receiver<u64>,
    live: broadcast::Sender<Arc<str>>,
}

impl Wakeups {
    /// The head that was last heard of; changes wake.
    pub fn head(&self) -> watch::Receiver<Position> {
        self.head.clone()
    }

    /// Changes whenever sessions or users may have ended.
    pub fn sessions(&self) -> watch::Receiver<u64> {
        self.sessions.clone()
    }

    /// What nodes tell each other from now on.
    pub fn live(&self) -> broadcast::Receiver<Arc<str>> {
        self.live.subscribe()
    }
}

struct WakeupSenders {
    head: watch::Sender<Position>,
    sessions: watch::Sender<u64>,
    live: broadcast::Sender<Arc<str>>,
}

/// Starts the node's listener.
pub fn start(url: String, shutdown: &Shutdown) -> Wakeups {
    let live = broadcast::Sender::new(MAX_LIVE_MESSAGES);
    let senders =
        WakeupSenders { head: watch::Sender::new(Position::ZERO), sessions: watch::Sender::new(0), live: live.clone() };
    let wakeups = Wakeups { head: senders.head.subscribe(), sessions: senders.sessions.subscribe(), live };
    shutdown.spawn(async move {
        loop {
            if let Err(error) = listen(&url, &senders).await {
                tracing::warn!(%error, "lost the notifications, polling goes on");
            }
            tokio::time::sleep(Duration::from_millis(200 + fastrand::u64(0..300))).await;
        }
    });
    wakeups
}

async fn listen(url: &str, senders: &WakeupSenders) -> Result<(), StoreError> {
    let (client, driver) = connect(url).await?;
    let (sender, mut notifications) = mpsc::unbounded_channel();
    let driver = tokio::spawn(drive(driver, sender));
    let _abort = AbortOnDrop(driver);
    check_alive(&client, &format!("LISTEN {LOG_CHANNEL}; LISTEN {SESSIONS_CHANNEL}; LISTEN {LIVE_CHANNEL}")).await?;
    // Notifications of the time without a connection are lost, so everybody is woken once.
    senders.head.send_modify(|_| {});
    senders.sessions.send_modify(|count| *count += 1);
    loop {
        match tokio::time::timeout(KEEPALIVE_INTERVAL, notifications.recv()).await {
            Ok(Some(notification)) => senders.notify(&notification),
            Ok(None) => return Err(StoreError::Unreachable("the connection ended".into())),
            Err(_) => check_alive(&client, "").await?,
        }
    }
}

async fn check_alive(client: &Client, statement: &str) -> Result<(), StoreError> {
    match tokio::time::timeout(KEEPALIVE_INTERVAL, client.batch_execute(statement)).await {
        Ok(done) => done.map_err(|error| StoreError::Unreachable(error.into())),
        Err(_) => Err(StoreError::Unreachable("no answer within 5 s".into())),
    }
}

impl WakeupSenders {
    fn notify(&self, notification: &Notification) {
        match notification.channel() {
            LOG_CHANNEL => {
                self.head.send_replace(notification.payload().parse().map_or(Position::MAX, Position));
            }
            // Nobody may be waiting for it.
            LIVE_CHANNEL => drop(self.live.send(notification.payload().into())),
            _ => self.sessions.send_modify(|count| *count += 1),
        }
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn drive(mut driver: Driver, notifications: mpsc::UnboundedSender<Notification>) {
    while let Some(Ok(message)) = poll_fn(|context| driver.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message
            && notifications.send(notification).is_err()
        {
            return;
        }
    }
}
