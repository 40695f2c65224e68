//! The handle of presence: who types, who was sent a message, and that this node stops.

use super::connection_registry::ConnectionRegistry;
use super::hint_receiver::{HintReceiver, TypingReport};
use super::node_hint::{self, NodeHint};
use super::outbox;
use super::shared::PresenceShared;
use crate::delivery::command::Command;
use crate::delivery::core::receipts::AwaitedDelivery;
use crate::delivery::core::reports::ClientReport;
use crate::delivery::hub::Hub;
use crate::ids::{ConversationId, NodeId, UserId};
use crate::log::{Cursor, LIVE_CHANNEL, Log};
use crate::shutdown::Shutdown;
use crate::store::users::UserRow;
use crate::store::{Pool, StoreError, connections, nodes};
use crate::wire::{self, Ephemeral};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How often a user's typing in a conversation is sent: clients show it for 6 s.
const TYPING_EVERY: Duration = Duration::from_millis(2_500);
/// Users whose typing is remembered. Beyond, all of them are forgotten, and sent too often.
const MAX_TYPISTS: usize = 10_000;
/// Reports of typing on this node that may wait. More are dropped.
const MAX_QUEUED_TYPING: usize = 1_024;
/// Reports of the hub that are taken in at once.
const MAX_REPORTS_AT_ONCE: usize = 1_024;
/// How long the answer waits after the first user who was sent a message, for those who are sent it at the same time.
const DELIVERY_BATCH: Duration = Duration::from_millis(10);
/// How long a node that stops takes to say so.
const MAX_FAREWELL: Duration = Duration::from_secs(1);

/// A node's handle of presence. Cheap to clone.
#[derive(Clone)]
pub struct NodePresence(Arc<PresenceParts>);

struct PresenceParts {
    node: NodeId,
    hub: Hub,
    pool: Pool,
    shared: Arc<PresenceShared>,
    typing: mpsc::Sender<TypingReport>,
    /// When a user's typing in a conversation was sent last.
    typing_sent_at: Mutex<HashMap<(UserId, ConversationId), Instant>>,
}

impl NodePresence {
    /// Starts to send hints to other nodes, and to receive theirs.
    pub fn start(hub: Hub, log: &Log, reports: mpsc::Receiver<ClientReport>, shutdown: &Shutdown) -> Self {
        let (node, pool) = (NodeId::new(), log.pool().clone());
        let shared = Arc::new(PresenceShared::default());
        let (typing, typed) = mpsc::channel(MAX_QUEUED_TYPING);
        shutdown.spawn(take_reports(shared.clone(), reports));
        shutdown.spawn(ConnectionRegistry::new(node, hub.clone(), pool.clone(), shared.clone()).run());
        shutdown.spawn(outbox::run(shared.outbox.clone(), node, pool.clone()));
        let receiver = HintReceiver { node, hub: hub.clone(), shared: shared.clone(), shutdown: shutdown.clone() };
        shutdown.spawn(receiver.run(log.wakeups().live(), typed));
        Self(Arc::new(PresenceParts { node, hub, pool, shared, typing, typing_sent_at: Mutex::default() }))
    }

    /// Sends to the members of a conversation that somebody types, who was a member with the log at `at`. Whoever left
    /// before that does not get it.
    pub fn typing(&self, user: &UserRow, conversation: ConversationId, at: Cursor) {
        if !self.is_due(user.id, conversation) {
            return;
        }
        let event = Ephemeral::typing(&wire::User::from(user.clone()), conversation);
        let json = event.json().to_owned();
        self.0.shared.outbox.push(NodeHint::Typing { at: at.to_string(), conversation, user: user.id, event: json });
        // If this is full, the hub is far behind, and typing is soon over.
        let _ = self.0.typing.try_send(TypingReport { at, conversation, user: user.id, event });
    }

    fn is_due(&self, user: UserId, conversation: ConversationId) -> bool {
        let now = Instant::now();
        let is_fresh = |sent_at: &Instant| now.saturating_duration_since(*sent_at) < TYPING_EVERY;
        let mut sent_at = self.0.typing_sent_at.lock().unwrap_or_else(PoisonError::into_inner);
        if sent_at.get(&(user, conversation)).is_some_and(is_fresh) {
            return false;
        }
        if sent_at.len() >= MAX_TYPISTS {
            sent_at.retain(|_, at| is_fresh(at));
            if sent_at.len() >= MAX_TYPISTS {
                sent_at.clear();
            }
        }
        sent_at.insert((user, conversation), now);
        true
    }

    /// Waits until any node has sent the message at `at` to somebody but its sender; returns who was sent it by then.
    /// That is nobody after `wait`.
    ///
    /// # Cancel safety
    /// Only the answer is lost.
    pub async fn delivered(
        &self,
        at: Cursor,
        conversation: ConversationId,
        sender: UserId,
        wait: Duration,
    ) -> Vec<UserId> {
        let mut waiter = self.0.shared.waiters.wait(at);
        let until = Instant::now() + wait;
        let awaited = Command::AwaitDelivery(AwaitedDelivery { at, conversation, sender, until });
        if tokio::time::timeout(wait, self.0.hub.send(awaited)).await.is_err() {
            return Vec::new();
        }
        self.0.shared.outbox.push(NodeHint::DeliveryAwaited {
            at: at.to_string(),
            conversation,
            sender,
            wait_ms: wait.as_millis() as u64,
        });
        let mut users = Vec::new();
        if let Ok(Some(first)) = tokio::time::timeout(wait, waiter.next()).await {
            users.push(first);
            tokio::time::sleep(DELIVERY_BATCH).await;
            users.extend(std::iter::from_fn(|| waiter.try_next()));
            users.sort_unstable();
            users.dedup();
        }
        users
    }

    /// Takes this node's clients offline: it stops.
    pub async fn leave(&self) {
        match tokio::time::timeout(MAX_FAREWELL, self.end_all()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "cannot notify that this node stops"),
            Err(_) => tracing::warn!("PostgreSQL is too slow to notify that this node stops"),
        }
    }

    async fn end_all(&self) -> Result<(), StoreError> {
        let mut connection = self.0.pool.get().await?;
        connections::end_all(&mut connection, self.0.node).await?;
        nodes::notify(&mut connection, LIVE_CHANNEL, &node_hint::pack(self.0.node, &[NodeHint::ConnectionsChanged]))
            .await
    }
}

/// Takes in what the hub reports.
async fn take_reports(shared: Arc<PresenceShared>, mut reports: mpsc::Receiver<ClientReport>) {
    let mut some = Vec::new();
    while reports.recv_many(&mut some, MAX_REPORTS_AT_ONCE).await > 0 {
        let now = Instant::now();
        for report in some.drain(..) {
            match report {
                ClientReport::Delivered(at, user) => {
                    for node in shared.waiters.delivered(at, user) {
                        shared.outbox.push(NodeHint::Delivered { to: node, at: at.to_string(), user });
                    }
                }
                change => shared.changes().take_in(change, now),
            }
        }
    }
}
