//! LISTEN: wakes this node when another one has written. Notifications are hints only; those who are woken also poll.

use crate::ids::Position;
use crate::shutdown::Shutdown;
use crate::store::{Driver, StoreError, connect};
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio_postgres::{AsyncMessage, Client, Notification};
use tokio_util::task::AbortOnDropHandle;

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
/// How long it may take to prove it, or to be opened.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Wakes those who follow the log. Cheap to clone.
#[derive(Clone)]
pub struct Wakeups {
    head: watch::Receiver<Position>,
    sessions: watch::Receiver<u64>,
    live: broadcast::Sender<Arc<str>>,
}

impl Wakeups {
    /// The last head that was notified; wakes on each change.
    pub fn head(&self) -> watch::Receiver<Position> {
        self.head.clone()
    }

    /// Changes whenever sessions or users may have ended.
    pub fn sessions(&self) -> watch::Receiver<u64> {
        self.sessions.clone()
    }

    /// The messages of [`LIVE_CHANNEL`] from now on.
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
    let senders = Arc::new(senders);
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

async fn listen(url: &str, senders: &Arc<WakeupSenders>) -> Result<(), StoreError> {
    let (client, driver) = within(connect(url)).await??;
    let mut driver = AbortOnDropHandle::new(tokio::spawn(drive(driver, senders.clone())));
    check_alive(&client, &format!("LISTEN {LOG_CHANNEL}; LISTEN {SESSIONS_CHANNEL}; LISTEN {LIVE_CHANNEL}")).await?;
    // Notifications of the time without a connection are lost, so everybody is woken once.
    senders.head.send_modify(|_| {});
    senders.sessions.send_modify(|count| *count += 1);
    loop {
        tokio::select! {
            _ = &mut driver => return Err(StoreError::Unreachable("the connection ended".into())),
            () = tokio::time::sleep(KEEPALIVE_INTERVAL) => check_alive(&client, "").await?,
        }
    }
}

async fn check_alive(client: &Client, statement: &str) -> Result<(), StoreError> {
    within(client.batch_execute(statement)).await?.map_err(|error| StoreError::Unreachable(error.into()))
}

async fn within<T>(answer: impl Future<Output = T>) -> Result<T, StoreError> {
    let answer = tokio::time::timeout(KEEPALIVE_TIMEOUT, answer).await;
    answer.map_err(|_| StoreError::Unreachable("no answer within 5 s".into()))
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

/// Polls the connection to its end, and passes on what it hears. Nothing waits here: of the head and of the sessions only
/// the newest matters, and the oldest live messages give way to newer ones.
async fn drive(mut driver: Driver, senders: Arc<WakeupSenders>) {
    while let Some(Ok(message)) = poll_fn(|context| driver.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message {
            senders.notify(&notification);
        }
    }
}
