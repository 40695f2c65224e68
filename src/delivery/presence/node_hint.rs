//! The hints that nodes send each other by NOTIFY, and their form.

use crate::ids::{ConversationId, NodeId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Bytes of a payload: PostgreSQL takes less than 8,000.
const MAX_PAYLOAD_BYTES: usize = 7_900;

/// A hint of a node to all others.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeHint {
    /// The table of connections has changed.
    #[serde(rename = "moved")]
    ConnectionsChanged,
    /// A member of a conversation types. The log was at `at` when that was so.
    Typing { at: String, conversation: ConversationId, user: UserId, event: Box<RawValue> },
    /// Who is sent the message at `at`?
    #[serde(rename = "asked")]
    DeliveryAwaited { at: String, conversation: ConversationId, sender: UserId, wait_ms: u64 },
    /// The answer, to the node that asked.
    #[serde(rename = "handed")]
    Delivered { to: NodeId, at: String, user: UserId },
}

/// A payload.
#[derive(Debug, Deserialize)]
pub struct HintPayload {
    pub node: NodeId,
    pub hints: Vec<NodeHint>,
}

/// Packs hints into as few payloads as hold them. A hint that is too long for one is left out.
pub fn pack(node: NodeId, hints: &[NodeHint]) -> Vec<String> {
    let head = format!("{{\"node\":\"{node}\",\"hints\":[");
    let mut payloads: Vec<String> = Vec::new();
    for hint in hints {
        // Strings, ids and numbers: nothing that could fail.
        let json = serde_json::to_string(hint).unwrap_or_default();
        if json.is_empty() || head.len() + json.len() + 2 > MAX_PAYLOAD_BYTES {
            continue;
        }
        match payloads.last_mut().filter(|payload| payload.len() + json.len() + 3 <= MAX_PAYLOAD_BYTES) {
            Some(payload) => {
                payload.push(',');
                payload.push_str(&json);
            }
            None => payloads.push(format!("{head}{json}")),
        }
    }
    payloads.iter_mut().for_each(|payload| payload.push_str("]}"));
    payloads
}

#[cfg(test)]
#[path = "tests/node_hint.rs"]
mod tests;
