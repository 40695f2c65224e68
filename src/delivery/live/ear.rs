//! Listening to what other nodes tell, and to what this node's own clients type.

use super::Shared;
use super::hint::{Hint, Payload};
use crate::delivery::ephemeral::Typing;
use crate::delivery::hub::{Command, Hub};
use crate::delivery::receipts::Awaited;
use crate::ids::{ConversationId, NodeId, UserId};
use crate::log::Cursor;
use crate::shutdown::Shutdown;
use crate::wire::{Ephemeral, EphemeralKind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

/// How long the hub may take to get where the typist was seen to be a member. What is late is dropped.
const BEHIND: Duration = Duration::from_secs(1);
/// What is typed here that is told at once.
const AT_ONCE: usize = 64;
/// How long anybody waits for a message to be handed over.
const MOST_WAIT: Duration = Duration::from_secs(60);

/// Somebody types, who was a member of the conversation with the log at `at`.
pub struct Typed {
    pub at: Cursor,
    pub conversation: ConversationId,
    pub user: UserId,
    pub event: Ephemeral,
}

pub(super) struct Ear {
    pub node: NodeId,
    pub hub: Hub,
    pub shared: Arc<Shared>,
    pub shutdown: Shutdown,
}

impl Ear {
    /// Listens as long as the node runs.
    pub async fn listen(self, mut told: broadcast::Receiver<Arc<str>>, mut typed: mpsc::Receiver<Typed>) {
        let mut here = Vec::new();
        loop {
            tokio::select! {
                told = told.recv() => match told {
                    Ok(payload) => self.take_in(&payload),
                    Err(RecvError::Lagged(_)) => self.shared.look(),
                    Err(RecvError::Closed) => return,
                },
                _ = typed.recv_many(&mut here, AT_ONCE) => self.whisper(std::mem::take(&mut here)),
            }
        }
    }

    fn take_in(&self, payload: &str) {
        let Payload { node, hints } = match serde_json::from_str(payload) {
            Ok(payload) => payload,
            // Of another version.
            Err(error) => return tracing::debug!(%error, "cannot read what a node tells"),
        };
        if node == self.node {
            return;
        }
        let (mut typed, now) = (Vec::new(), Instant::now());
        for hint in hints {
            match hint {
                Hint::Moved => self.shared.look(),
                Hint::Typing { at, conversation, user, event } => {
                    let event = Ephemeral::of(EphemeralKind::Typing, event);
                    if let (Some(at), Some(event)) = (Cursor::parse(&at), event) {
                        typed.push(Typed { at, conversation, user, event });
                    }
                }
                Hint::Asked { at, conversation, sender, wait_ms } => {
                    let wait = Duration::from_millis(wait_ms).min(MOST_WAIT);
                    if let Some(at) = Cursor::parse(&at) {
                        self.shared.waiting.note(at, node, wait, now);
                        let awaited = Awaited { at, conversation, sender, until: now + wait };
                        self.hub.tell(Command::WatchFor(awaited));
                    }
                }
                Hint::Handed { to, at, user } if to == self.node => {
                    if let Some(at) = Cursor::parse(&at) {
                        self.shared.waiting.tell(at, user);
                    }
                }
                Hint::Handed { .. } => {}
            }
        }
        self.whisper(typed);
    }

    /// Tells the hub who types, once it knows all who had left by then.
    fn whisper(&self, typed: Vec<Typed>) {
        let epoch = self.hub.published().epoch;
        let typed: Vec<_> = typed.into_iter().filter(|typed| typed.at.epoch == epoch).collect();
        let Some(at) = typed.iter().map(|typed| typed.at).max_by_key(|at| at.position) else { return };
        let hub = self.hub.clone();
        self.shutdown.spawn(async move {
            if tokio::time::timeout(BEHIND, hub.reached(at)).await.is_err() {
                return;
            }
            for Typed { conversation, user, event, .. } in typed {
                hub.tell(Command::Whisper(Box::new(Typing { conversation, user, event })));
            }
        });
    }
}
