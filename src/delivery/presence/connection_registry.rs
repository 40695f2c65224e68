//! The table of who is connected where: writing what this node knows, and reading what others do.
//!
//! A node writes at most once a second, all that has come and gone in one statement, however many that are; with it, or
//! without, every two seconds a sign of life. A node that is silent for longer than it may counts for nothing from then
//! on, and its rows are removed by others. A node that finds itself unknown, because it was silent for a minute or because
//! PostgreSQL has crashed and such tables are empty then, enters itself and all its clients anew; that is no news.

use super::connection_tracker::is_full;
use super::debounce::PresenceDebounce;
use super::node_hint::NodeHint;
use super::shared::PresenceShared;
use crate::delivery::command::Command;
use crate::delivery::core::ephemeral::PresenceNotice;
use crate::delivery::hub::Hub;
use crate::ids::{ConversationId, NodeId, Position, UserId};
use crate::log::read;
use crate::store::connections::{self, ConnectionChanges};
use crate::store::users::UserRow;
use crate::store::{Pool, StoreError, nodes, users};
use crate::wire::{self, Ephemeral};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is looked whether there is something to do.
const STEP_EVERY: Duration = Duration::from_millis(250);
/// How often is written at most.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// How often a node that has nothing to write gives a sign of life: four fit into the time for which it is believed to run.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(2);
/// How often is read what other nodes have written, without being told.
const READ_EVERY: Duration = Duration::from_secs(2);
/// How often what is old is removed; jittered, because any node will do.
const SWEEP_CONNECTIONS_EVERY: Duration = Duration::from_secs(30);
/// Users who are told of at once, each tick: thousands who come together are spread over some seconds.
const MAX_USERS_TOLD: usize = 500;
/// Users who are looked for at once.
const MAX_USERS_CHECKED: usize = 5_000;
/// How long the hub may take to get where memberships were read.
const MAX_PRESENCE_LAG: Duration = Duration::from_secs(2);

pub(super) struct ConnectionRegistry {
    node: NodeId,
    hub: Hub,
    pool: Pool,
    shared: Arc<PresenceShared>,
    /// How often the node has entered itself, and whether it is entered.
    entries: i64,
    is_entered: bool,
    /// What is being written: the same again, until it is known to be.
    batch: Option<ConnectionChanges>,
    /// The nodes that run, and what was read of them; none of it before the first look.
    seen: Option<HashMap<NodeId, i64>>,
    debounce: PresenceDebounce,
    wrote_at: Instant,
    looked_at: Instant,
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
            entries: 0,
            is_entered: false,
            batch: None,
            seen: None,
            debounce: PresenceDebounce::default(),
            wrote_at: now,
            looked_at: now,
            swept_at: now,
        }
    }

    /// Works as long as the node runs.
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

    async fn step(&mut self, now: Instant) -> Result<(), StoreError> {
        if !self.is_entered {
            self.enter().await?;
        }
        if now.saturating_duration_since(self.wrote_at) >= WRITE_EVERY {
            self.write(now).await?;
        }
        let is_told = self.shared.take_read_request();
        if is_told || now.saturating_duration_since(self.looked_at) >= READ_EVERY {
            self.looked_at = now;
            self.look(now).await?;
        }
        self.look_for_the_leaving(now).await?;
        self.announce().await?;
        if now.saturating_duration_since(self.swept_at) >= SWEEP_CONNECTIONS_EVERY {
            self.swept_at = now + SWEEP_CONNECTIONS_EVERY.mul_f64(fastrand::f64());
            self.pool.ask(async |connection| nodes::delete_stale(connection).await).await?;
        }
        Ok(())
    }

    async fn enter(&mut self) -> Result<(), StoreError> {
        self.entries += 1;
        // Above all versions that others have seen.
        self.pool.ask(async |connection| nodes::register(connection, self.node, self.entries << 32).await).await?;
        if self.entries > 1 {
            tracing::warn!("this node was not known any more, it enters all its clients anew");
            self.hub.send(Command::ReportAllStreams);
        }
        self.is_entered = true;
        self.shared.outbox.push(NodeHint::Moved);
        Ok(())
    }

    async fn write(&mut self, now: Instant) -> Result<(), StoreError> {
        let batch = match self.batch.take() {
            Some(batch) => batch,
            None => self.shared.changes().take(now),
        };
        let is_news = !batch.came.is_empty() || !batch.went.is_empty();
        if !is_news && now.saturating_duration_since(self.wrote_at) < HEARTBEAT_EVERY {
            return Ok(());
        }
        let batch = self.batch.insert(batch);
        // All that is here is written anew, where the node is not known.
        self.is_entered =
            self.pool.ask(async |connection| connections::write(connection, self.node, batch).await).await?;
        if !is_full(batch) {
            self.wrote_at = now;
        }
        self.batch = None;
        if is_news {
            self.shared.outbox.push(NodeHint::Moved);
            self.shared.request_read();
        }
        Ok(())
    }

    /// Reads what nodes have written, and which of them are gone.
    async fn look(&mut self, now: Instant) -> Result<(), StoreError> {
        let nodes = self.pool.ask(async |connection| nodes::list(connection).await).await?;
        self.shared.outbox.set_others(nodes.iter().any(|node| node.runs && node.id != self.node));
        let Some(seen) = &mut self.seen else {
            // Who was online before is nobody's news.
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

    async fn look_for_the_leaving(&mut self, now: Instant) -> Result<(), StoreError> {
        let due = self.debounce.due(MAX_USERS_CHECKED, now);
        if due.is_empty() {
            return Ok(());
        }
        match self.away(&due).await {
            Ok(away) => away.into_iter().for_each(|user| self.debounce.go(user)),
            Err(error) => {
                due.into_iter().for_each(|user| self.debounce.lose(user, now));
                return Err(error);
            }
        }
        Ok(())
    }

    async fn away(&self, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
        self.pool.ask(async |connection| connections::away(connection, users).await).await
    }

    /// Tells the hub who has come and gone.
    async fn announce(&mut self) -> Result<(), StoreError> {
        let some = self.debounce.next(MAX_USERS_TOLD);
        if some.is_empty() {
            return Ok(());
        }
        let told = self.tell(&some).await;
        if told.is_err() {
            self.debounce.put_back(some);
        }
        told
    }

    async fn tell(&self, some: &HashMap<UserId, bool>) -> Result<(), StoreError> {
        let ids: Vec<_> = some.keys().copied().collect();
        let accounts = self.pool.ask(async |connection| users::by_ids_or_names(connection, &ids, &[]).await).await?;
        let known = self.hub.published().position;
        let reading = async |connection: &mut _| read::open_memberships(connection, &ids, known, Position::MAX).await;
        let everyone = self.pool.ask(reading).await?;
        let mut conversations: HashMap<UserId, Vec<ConversationId>> = HashMap::new();
        for (user, conversation) in everyone.memberships {
            conversations.entry(user).or_default().push(conversation);
        }
        // Who has left by then is told nothing.
        if tokio::time::timeout(MAX_PRESENCE_LAG, self.hub.request_until(everyone.head)).await.is_err() {
            return Err(StoreError::Unreachable("this node is behind the log".into()));
        }
        let change = |account: UserRow| {
            let (user, online) = (account.id, *some.get(&account.id)?);
            let event = Ephemeral::presence(&wire::User::from(account), online);
            Some(PresenceNotice { user, conversations: conversations.remove(&user)?, event })
        };
        self.hub.send(Command::PresenceChanges(accounts.into_iter().filter_map(change).collect()));
        Ok(())
    }
}
