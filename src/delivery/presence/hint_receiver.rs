//! Receives the hints of other nodes, and the typing of this node's own clients.

use super::node_hint::{HintPayload, NodeHint};
use super::shared::PresenceShared;
use crate::delivery::command::Command;
use crate::delivery::core::ephemeral::TypingNotice;
use crate::delivery::core::receipts::AwaitedDelivery;
use crate::delivery::hub::Hub;
use crate::ids::{ConversationId, NodeId, UserId};
use crate::log::Cursor;
use crate::shutdown::Shutdown;
use crate::wire::{Ephemeral, EphemeralKind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

/// How long the hub may take to get where the typist was a member. What is late is dropped.
const MAX_TYPING_LAG: Duration = Duration::from_secs(1);
/// Reports of typing that are taken at once.
const MAX_TYPING_AT_ONCE: usize = 64;
/// How long another node may wait for the delivery of a message.
const MAX_DELIVERY_WAIT: Duration = Duration::from_secs(60);

/// Somebody types, who was a member of the conversation with the log at `at`.
pub struct TypingReport {
    pub at: Cursor,
    pub conversation: ConversationId,
    pub user: UserId,
    pub event: Ephemeral,
}

/// The task that receives.
pub struct HintReceiver {
    pub node: NodeId,
    pub hub: Hub,
    pub shared: Arc<PresenceShared>,
    pub shutdown: Shutdown,
}

impl HintReceiver {
    /// Listens as long as the node runs.
    pub async fn run(self, mut payloads: broadcast::Receiver<Arc<str>>, mut typed: mpsc::Receiver<TypingReport>) {
        let mut here = Vec::new();
        loop {
            tokio::select! {
                payload = payloads.recv() => match payload {
                    Ok(payload) => self.take_in(&payload),
                    Err(RecvError::Lagged(_)) => self.shared.request_read(),
                    Err(RecvError::Closed) => return,
                },
                _ = typed.recv_many(&mut here, MAX_TYPING_AT_ONCE) => self.deliver_typing(std::mem::take(&mut here)),
            }
        }
    }

    fn take_in(&self, payload: &str) {
        let HintPayload { node, hints } = match serde_json::from_str(payload) {
            Ok(payload) => payload,
            // Of another version.
            Err(error) => return tracing::debug!(%error, "cannot read the hints of a node"),
        };
        if node == self.node {
            return;
        }
        let (mut typed, now) = (Vec::new(), Instant::now());
        for hint in hints {
            match hint {
                NodeHint::ConnectionsChanged => self.shared.request_read(),
                NodeHint::Typing { at, conversation, user, event } => {
                    let event = Ephemeral::of(EphemeralKind::Typing, event);
                    if let (Some(at), Some(event)) = (Cursor::parse(&at), event) {
                        typed.push(TypingReport { at, conversation, user, event });
                    }
                }
                NodeHint::DeliveryAwaited { at, conversation, sender, wait_ms } => {
                    let wait = Duration::from_millis(wait_ms).min(MAX_DELIVERY_WAIT);
                    if let Some(at) = Cursor::parse(&at) {
                        self.shared.waiters.note(at, node, wait, now);
                        let awaited = AwaitedDelivery { at, conversation, sender, until: now + wait };
                        // If there is no place for it, this node names nobody to the one that asks.
                        self.hub.try_send(Command::AwaitDelivery(awaited));
                    }
                }
                NodeHint::Delivered { to, at, user } if to == self.node => {
                    if let Some(at) = Cursor::parse(&at) {
                        self.shared.waiters.notify(at, user);
                    }
                }
                NodeHint::Delivered { .. } => {}
            }
        }
        self.deliver_typing(typed);
    }

    /// Delivers to the hub who types, once it knows all who had left by then.
    fn deliver_typing(&self, typed: Vec<TypingReport>) {
        let epoch = self.hub.published().epoch;
        let typed: Vec<_> = typed.into_iter().filter(|typed| typed.at.epoch == epoch).collect();
        let Some(at) = typed.iter().map(|typed| typed.at).max_by_key(|at| at.position) else { return };
        let hub = self.hub.clone();
        self.shutdown.spawn(async move {
            if tokio::time::timeout(MAX_TYPING_LAG, hub.request_until(at)).await.is_err() {
                return;
            }
            for TypingReport { conversation, user, event, .. } in typed {
                // If there is no place for it, the hub is far behind, and typing is soon over.
                hub.try_send(Command::Typing(Box::new(TypingNotice { conversation, user, event })));
            }
        });
    }
}
