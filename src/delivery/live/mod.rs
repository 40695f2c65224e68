//! What nodes know of each other's clients.
//!
//! Two ways. Who is connected stands in a table ([`keeper`]): each node writes what has come and gone, in batches, and
//! reads what others have written. Who types, and who has been handed a message, is told by NOTIFY alone ([`outbox`]), on
//! a channel and in transactions of its own, a few times a second at most. Both are hints for the clients that are here:
//! what is lost on the way is late or missing, never wrong. A node that is alone tells nothing.
//!
//! Lifecycle: [`Live::start`], with the hub's news; it ends with the node. [`Live::leave`] takes its clients offline at
//! once, which otherwise takes as long as it is believed to run.

mod ear;
mod hint;
mod keeper;
mod moves;
mod outbox;
mod told;
mod waiting;

use super::ephemeral::News;
use super::hub::{Command, Hub};
use super::receipts::Awaited;
use crate::ids::{ConversationId, NodeId, UserId};
use crate::log::{Cursor, LIVE_CHANNEL, Log};
use crate::shutdown::Shutdown;
use crate::store::users::UserRow;
use crate::store::{Pool, StoreError, connections, nodes};
use crate::wire::{self, Ephemeral};
use ear::{Ear, Typed};
use hint::Hint;
use keeper::Keeper;
use moves::Moves;
use outbox::Outbox;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use waiting::Waiting;

/// How often a user's typing in a conversation is told: clients show it for 6 s.
const TYPING_EVERY: Duration = Duration::from_millis(2_500);
/// Users whose typing is remembered. Beyond, all of them are forgotten, and told of too often.
const MOST_TYPING: usize = 10_000;
/// What this node's own clients type that may wait: more is dropped.
const MOST_TYPED: usize = 1_024;
/// News of the hub that are taken in at once.
const AT_ONCE: usize = 1_024;
/// How long those have to be told, too, who are handed a message in the same breath.
const BREATH: Duration = Duration::from_millis(10);
/// How long a node that stops takes to say so.
const FAREWELL: Duration = Duration::from_secs(1);

/// A node's handle of what is live. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Parts>);

struct Parts {
    node: NodeId,
    hub: Hub,
    pool: Pool,
    shared: Arc<Shared>,
    typed: mpsc::Sender<Typed>,
    typing: Mutex<HashMap<(UserId, ConversationId), Instant>>,
}

/// What the tasks share.
struct Shared {
    moves: Mutex<Moves>,
    waiting: Arc<Waiting>,
    outbox: Outbox,
    /// Whether another node may have written.
    moved: AtomicBool,
}

impl Live {
    /// Starts to tell and to listen.
    pub fn start(hub: Hub, log: &Log, news: mpsc::UnboundedReceiver<News>, shutdown: &Shutdown) -> Self {
        let (node, pool) = (NodeId::new(), log.pool().clone());
        let waiting = Arc::new(Waiting::default());
        let shared = Arc::new(Shared {
            moves: Mutex::default(),
            outbox: Outbox::new(waiting.clone()),
            waiting,
            moved: AtomicBool::new(true),
        });
        let (typed, typing) = mpsc::channel(MOST_TYPED);
        shutdown.spawn(take_in(shared.clone(), news));
        shutdown.spawn(Keeper::new(node, hub.clone(), pool.clone(), shared.clone()).run());
        shutdown.spawn(outbox::send(shared.clone(), node, pool.clone()));
        let ear = Ear { node, hub: hub.clone(), shared: shared.clone(), shutdown: shutdown.clone() };
        shutdown.spawn(ear.listen(log.wakeups().live(), typing));
        Self(Arc::new(Parts { node, hub, pool, shared, typed, typing: Mutex::default() }))
    }

    /// Tells the members of a conversation that somebody types, who was a member with the log at `at`. Who left before
    /// that is not told.
    pub fn typing(&self, user: &UserRow, conversation: ConversationId, at: Cursor) {
        if !self.is_worth_telling(user.id, conversation) {
            return;
        }
        let event = Ephemeral::typing(&wire::User::from(user.clone()), conversation);
        let told = event.json().to_owned();
        self.0.shared.outbox.push(Hint::Typing { at: at.to_string(), conversation, user: user.id, event: told });
        // Full: the hub is far behind, and typing is soon over.
        let _ = self.0.typed.try_send(Typed { at, conversation, user: user.id, event });
    }

    fn is_worth_telling(&self, user: UserId, conversation: ConversationId) -> bool {
        let now = Instant::now();
        let is_fresh = |told: &Instant| now.saturating_duration_since(*told) < TYPING_EVERY;
        let mut typing = self.0.typing.lock().unwrap_or_else(PoisonError::into_inner);
        if typing.get(&(user, conversation)).is_some_and(is_fresh) {
            return false;
        }
        if typing.len() >= MOST_TYPING {
            typing.retain(|_, told| is_fresh(told));
            if typing.len() >= MOST_TYPING {
                typing.clear();
            }
        }
        typing.insert((user, conversation), now);
        true
    }

    /// Waits until somebody but its sender has been handed the message at `at`, by any node; answers who has by then, and
    /// nobody after `wait`.
    ///
    /// # Cancel safety
    /// Nothing is lost but the answer.
    pub async fn delivered(
        &self,
        at: Cursor,
        conversation: ConversationId,
        sender: UserId,
        wait: Duration,
    ) -> Vec<UserId> {
        let mut handed = self.0.shared.waiting.wait(at);
        let until = Instant::now() + wait;
        self.0.hub.tell(Command::WatchFor(Awaited { at, conversation, sender, until }));
        self.0.shared.outbox.push(Hint::Asked {
            at: at.to_string(),
            conversation,
            sender,
            wait_ms: wait.as_millis() as u64,
        });
        let mut users = Vec::new();
        if let Ok(Some(first)) = tokio::time::timeout(wait, handed.next()).await {
            users.push(first);
            tokio::time::sleep(BREATH).await;
            users.extend(std::iter::from_fn(|| handed.try_next()));
            users.sort_unstable();
            users.dedup();
        }
        users
    }

    /// Takes this node's clients offline: it stops.
    pub async fn leave(&self) {
        match tokio::time::timeout(FAREWELL, self.say_farewell()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "cannot tell that this node stops"),
            Err(_) => tracing::warn!("PostgreSQL is too slow to be told that this node stops"),
        }
    }

    async fn say_farewell(&self) -> Result<(), StoreError> {
        let mut connection = self.0.pool.get().await?;
        connections::end_all(&mut connection, self.0.node).await?;
        nodes::notify(&mut connection, LIVE_CHANNEL, &hint::pack(self.0.node, &[Hint::Moved])).await
    }
}

/// Takes in what the hub tells.
async fn take_in(shared: Arc<Shared>, mut news: mpsc::UnboundedReceiver<News>) {
    let mut some = Vec::new();
    while news.recv_many(&mut some, AT_ONCE).await > 0 {
        let now = Instant::now();
        for told in some.drain(..) {
            match told {
                News::Handed(at, user) => {
                    for node in shared.waiting.handed(at, user) {
                        shared.outbox.push(Hint::Handed { to: node, at: at.to_string(), user });
                    }
                }
                moved => shared.moves.lock().unwrap_or_else(PoisonError::into_inner).take_in(moved, now),
            }
        }
    }
}

impl Shared {
    fn look(&self) {
        self.moved.store(true, Ordering::Relaxed);
    }
}
