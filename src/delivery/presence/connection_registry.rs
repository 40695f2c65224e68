//! The table of connections: this node writes its own, and reads what others have written.
//!
//! A node writes at most once a second, everything that was opened and closed in one statement. At least every two seconds
//! it writes a heartbeat. A node that is silent for too long no longer counts, and other nodes remove its rows. A node may
//! find itself unknown: because it was silent for a minute, or because PostgreSQL has crashed, which empties unlogged
//! tables. It then registers itself and all its clients anew, and their presence is not published again.

use super::connection_tracker::is_full;
use super::debounce::PresenceDebounce;
use super::node_hint::NodeHint;
use super::registry_error::RegistryError;
use super::shared::PresenceShared;
use crate::delivery::command::Command;
use crate::delivery::core::ephemeral::PresenceNotice;
use crate::delivery::hub::Hub;
use crate::ids::{ConversationId, NodeId, Position, UserId};
use crate::log::{Cursor, read};
use crate::store::connections::{self, ConnectionChanges};
use crate::store::users::UserRow;
use crate::store::{Pool, StoreError, nodes, users};
use crate::wire::{self, Ephemeral};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the registry looks for something to do.
const STEP_EVERY: Duration = Duration::from_millis(250);
/// How often it writes at most.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// How often a node that has nothing to write sends a heartbeat: four fit into the time for which it is believed to run.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(2);
/// How often it reads what other nodes have written, without a hint.
const READ_EVERY: Duration = Duration::from_secs(2);
/// How often stale rows are removed. It is jittered, because any node will do.
const SWEEP_CONNECTIONS_EVERY: Duration = Duration::from_secs(30);
/// Changes of presence that are published in one step: thousands that come together are spread over some seconds.
const MAX_USERS_PUBLISHED: usize = 500;
/// Users who are checked for being offline at once.
const MAX_USERS_CHECKED: usize = 5_000;
/// How long the hub may take to get where memberships were read.
const MAX_PRESENCE_LAG: Duration = Duration::from_secs(2);

pub(super) struct ConnectionRegistry {
    node: NodeId,
    hub: Hub,
    pool: Pool,
    shared: Arc<PresenceShared>,
    /// How often the node has registered itself, and whether it is registered.
    registrations: i64,
    is_registered: bool,
    /// The batch that is being written. It is written again until that is known to have succeeded.
    batch: Option<ConnectionChanges>,
    /// The nodes that run, and the versions up to which they were read; `None` before the first read.
    seen: Option<HashMap<NodeId, i64>>,
    debounce: PresenceDebounce,
    wrote_at: Instant,
    read_at: Instant,
    swept_at: Instant,
}

impl ConnectionRegistry {
    pub fn new(node: NodeId, hub: Hub, pool: Pool, shared: Arc<PresenceShared>) -> Self {
        let now = Instant::now();
        Self {
            node,
            hub,
            pool,
            shared,
            registrations: 0,
            is_registered: false,
            batch: None,
            seen: None,
            debounce: PresenceDebounce::default(),
            wrote_at: now,
            read_at: now,
            swept_at: now,
        }
    }

    /// Runs as long as the node does.
    pub async fn run(mut self) {
        let mut tick = tokio::time::interval(STEP_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = self.step(Instant::now()).await {
                tracing::warn!(%error, "cannot keep up who is connected");
                tokio::time::sleep(WRITE_EVERY).await;
            }
        }
    }

    async fn step(&mut self, now: Instant) -> Result<(), RegistryError> {
        if !self.is_registered {
            self.register().await?;
        }
        if now.saturating_duration_since(self.wrote_at) >= WRITE_EVERY {
            self.write(now).await?;
        }
        let is_requested = self.shared.take_read_request();
        if is_requested || now.saturating_duration_since(self.read_at) >= READ_EVERY {
            self.read_at = now;
            self.read(now).await?;
        }
        self.check_offline(now).await?;
        self.publish_changes().await?;
        if now.saturating_duration_since(self.swept_at) >= SWEEP_CONNECTIONS_EVERY {
            self.swept_at = now + SWEEP_CONNECTIONS_EVERY.mul_f64(fastrand::f64());
            self.pool.ask(async |connection| nodes::delete_stale(connection).await).await?;
        }
        Ok(())
    }

    async fn register(&mut self) -> Result<(), RegistryError> {
        self.registrations += 1;
        // Above all versions that others have seen.
        self.pool
            .ask(async |connection| nodes::register(connection, self.node, self.registrations << 32).await)
            .await?;
        if self.registrations > 1 {
            tracing::warn!("this node was not known any more, it registers all its clients anew");
            self.hub.send(Command::ReportAllStreams).await;
        }
        self.is_registered = true;
        self.shared.outbox.push(NodeHint::ConnectionsChanged);
        Ok(())
    }

    async fn write(&mut self, now: Instant) -> Result<(), RegistryError> {
        let batch = match self.batch.take() {
            Some(batch) => batch,
            None => self.shared.changes().take(now),
        };
        let has_changes = !batch.came.is_empty() || !batch.went.is_empty();
        if !has_changes && now.saturating_duration_since(self.wrote_at) < HEARTBEAT_EVERY {
            return Ok(());
        }
        let batch = self.batch.insert(batch);
        // If the node is not known, everything is written anew.
        self.is_registered =
            self.pool.ask(async |connection| connections::write(connection, self.node, batch).await).await?;
        if !is_full(batch) {
            self.wrote_at = now;
        }
        self.batch = None;
        if has_changes {
            self.shared.outbox.push(NodeHint::ConnectionsChanged);
            self.shared.request_read();
        }
        Ok(())
    }

    /// Reads what nodes have written, and which of them have gone.
    async fn read(&mut self, now: Instant) -> Result<(), RegistryError> {
        let nodes = self.pool.ask(async |connection| nodes::list(connection).await).await?;
        self.shared.outbox.set_others(nodes.iter().any(|node| node.runs && node.id != self.node));
        let Some(seen) = &mut self.seen else {
            // The presence of those who were online before is not published.
            self.seen = Some(nodes.iter().filter(|node| node.runs).map(|node| (node.id, node.version)).collect());
            return Ok(());
        };
        seen.retain(|id, _| nodes.iter().any(|node| node.id == *id));
        for node in nodes {
            let version = seen.get(&node.id).copied();
            if !node.runs {
                if version.is_some() {
                    let users =
                        self.pool.ask(async |connection| connections::users_at(connection, node.id).await).await?;
                    users.into_iter().for_each(|user| self.debounce.lose(user, now));
                    seen.remove(&node.id);
                }
            } else if version.is_none_or(|version| version < node.version) {
                let news = self
                    .pool
                    .ask(async |connection| connections::changes_since(connection, node.id, version.unwrap_or(0)).await)
                    .await?;
                news.into_iter().for_each(|news| self.debounce.take_in(news, now));
                seen.insert(node.id, node.version);
            }
        }
        Ok(())
    }

    async fn check_offline(&mut self, now: Instant) -> Result<(), RegistryError> {
        let due = self.debounce.due(MAX_USERS_CHECKED, now);
        if due.is_empty() {
            return Ok(());
        }
        match self.away(&due).await {
            Ok(away) => away.into_iter().for_each(|user| self.debounce.go(user)),
            Err(error) => {
                due.into_iter().for_each(|user| self.debounce.lose(user, now));
                return Err(error.into());
            }
        }
        Ok(())
    }

    async fn away(&self, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
        self.pool.ask(async |connection| connections::away(connection, users).await).await
    }

    /// Publishes changes of presence to the hub.
    async fn publish_changes(&mut self) -> Result<(), RegistryError> {
        let some = self.debounce.next(MAX_USERS_PUBLISHED);
        if some.is_empty() {
            return Ok(());
        }
        let published = self.publish_users(&some).await;
        if published.is_err() {
            self.debounce.put_back(some);
        }
        published
    }

    async fn publish_users(&self, some: &HashMap<UserId, bool>) -> Result<(), RegistryError> {
        let ids: Vec<_> = some.keys().copied().collect();
        let accounts = self.pool.ask(async |connection| users::by_ids_or_names(connection, &ids, &[]).await).await?;
        let known = self.hub.published().position;
        let reading = async |connection: &mut _| read::open_memberships(connection, &ids, known, Position::MAX).await;
        let everyone = self.pool.ask(reading).await?;
        let mut conversations: HashMap<UserId, Vec<ConversationId>> = HashMap::new();
        for (user, conversation) in everyone.memberships {
            conversations.entry(user).or_default().push(conversation);
        }
        // The hub must know of everybody who has left a conversation by then.
        wait_for_hub(&self.hub, everyone.head).await?;
        let change = |account: UserRow| {
            let (user, online) = (account.id, *some.get(&account.id)?);
            let event = Ephemeral::presence(&wire::User::from(account), online);
            Some(PresenceNotice { user, conversations: conversations.remove(&user)?, event })
        };
        self.hub.send(Command::PresenceChanges(accounts.into_iter().filter_map(change).collect())).await;
        Ok(())
    }
}

/// Waits until this node has published the log up to `head`.
async fn wait_for_hub(hub: &Hub, head: Cursor) -> Result<(), RegistryError> {
    tokio::time::timeout(MAX_PRESENCE_LAG, hub.request_until(head)).await.map_err(|_| RegistryError::Lagging)
}

#[cfg(test)]
#[path = "tests/connection_registry.rs"]
mod tests;
