//! Revoked sessions and disabled users, who must be refused although their access tokens have not expired. Nodes notify
//! each other, and poll besides.

use crate::domain::common::wakeup::wait_for_wakeup;
use crate::ids::{SessionId, UserId};
use crate::store::{Pool, StoreError, sessions, users};
use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often a node polls for revocations.
const REVOCATION_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// How far each poll reaches back beyond the last: for transactions that commit late, and clocks that are set.
const REVOCATION_POLL_OVERLAP: Duration = Duration::from_secs(60);
/// How long a revoked session is remembered: longer than an access token lasts. Tokens of bots, which may last longer,
/// are read from PostgreSQL when they are not cached.
const REVOKED_SESSION_TTL: Duration = Duration::from_secs(20 * 60);

/// The revocations that this node knows.
pub struct Revocations {
    known: RwLock<RevokedIdentities>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct RevokedIdentities {
    sessions: HashMap<SessionId, Instant>,
    disabled: HashSet<UserId>,
}

impl Default for Revocations {
    fn default() -> Self {
        Self { known: RwLock::default(), changed: watch::Sender::new(()) }
    }
}

impl Revocations {
    /// Whether a token of this user and session must be refused.
    pub fn has_ended(&self, user: UserId, session: Option<SessionId>) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.disabled.contains(&user) || session.is_some_and(|session| known.sessions.contains_key(&session))
    }

    /// Changes whenever something was revoked.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Adds sessions that were revoked.
    pub fn add(&self, sessions: impl IntoIterator<Item = SessionId>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.sessions.len();
        let now = Instant::now();
        for session in sessions {
            known.sessions.entry(session).or_insert(now);
        }
        let is_new = known.sessions.len() > before;
        drop(known);
        if is_new {
            self.changed.send_replace(());
        }
    }

    /// Adds users who were disabled.
    pub fn disable(&self, users: &[UserId]) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).disabled.extend(users);
        self.changed.send_replace(());
    }

    fn set_disabled(&self, users: HashSet<UserId>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.sessions.retain(|_, since| since.elapsed() < REVOKED_SESSION_TTL);
        let is_new = !users.is_subset(&known.disabled);
        known.disabled = users;
        drop(known);
        if is_new {
            self.changed.send_replace(());
        }
    }

    /// Follows the revocations of all nodes, until it is dropped.
    pub async fn follow(&self, pool: &Pool, mut wakeups: watch::Receiver<u64>) {
        let mut last_poll = None;
        loop {
            let began = Instant::now();
            match self
                .poll(
                    pool,
                    last_poll.map_or(REVOKED_SESSION_TTL, |last: Instant| last.elapsed() + REVOCATION_POLL_OVERLAP),
                )
                .await
            {
                Ok(()) => last_poll = Some(began),
                Err(error) => tracing::warn!(%error, "cannot look for revoked sessions"),
            }
            wait_for_wakeup(&mut wakeups, REVOCATION_POLL_INTERVAL).await;
        }
    }

    /// Reads all revocations that matter to tokens that have not expired. A node does so before it serves.
    pub async fn load_recent(&self, pool: &Pool) -> Result<(), StoreError> {
        self.poll(pool, REVOKED_SESSION_TTL).await
    }

    async fn poll(&self, pool: &Pool, window: Duration) -> Result<(), StoreError> {
        let reading = pool.ask(async |connection| {
            let revoked = sessions::revoked_within(connection, window.min(REVOKED_SESSION_TTL)).await?;
            Ok::<_, StoreError>((revoked, users::disabled(connection).await?))
        });
        let (revoked, disabled) = reading.await?;
        self.add(revoked);
        self.set_disabled(disabled.into_iter().collect());
        Ok(())
    }
}
