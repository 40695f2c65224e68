//! What nodes tell each other by NOTIFY, and how.

use crate::ids::{ConversationId, NodeId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Bytes of a payload: PostgreSQL takes less than 8,000.
const MOST_BYTES: usize = 7_900;

/// Something that a node tells all others.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// Clients have come or gone.
    Moved,
    /// A member of a conversation types. The log was at `at` when that was so.
    Typing { at: String, conversation: ConversationId, user: UserId, event: Box<RawValue> },
    /// Who is handed the message at `at`?
    Asked { at: String, conversation: ConversationId, sender: UserId, wait_ms: u64 },
    /// The answer, to the node that asked.
    Handed { to: NodeId, at: String, user: UserId },
}

/// A payload.
#[derive(Debug, Deserialize)]
pub struct Payload {
    pub node: NodeId,
    pub hints: Vec<Hint>,
}

/// Puts hints into as few payloads as take them. What is too long for one is left out.
pub fn pack(node: NodeId, hints: &[Hint]) -> Vec<String> {
    let head = format!("{{\"node\":\"{node}\",\"hints\":[");
    let mut payloads: Vec<String> = Vec::new();
    for hint in hints {
        // Strings, ids and numbers: nothing that could fail.
        let json = serde_json::to_string(hint).unwrap_or_default();
        if json.is_empty() || head.len() + json.len() + 2 > MOST_BYTES {
            continue;
        }
        match payloads.last_mut().filter(|payload| payload.len() + json.len() + 3 <= MOST_BYTES) {
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
mod tests {
    use super::*;

    fn typing(letters: usize) -> Hint {
        let event = RawValue::from_string(format!("{{\"name\":\"{}\"}}", "x".repeat(letters))).unwrap();
        Hint::Typing { at: "x".into(), conversation: ConversationId::new(), user: UserId::new(), event }
    }

    #[test]
    fn hints_are_split_over_payloads_that_postgresql_takes_and_come_out_as_they_went_in() {
        let node = NodeId::new();
        let mut hints: Vec<_> = (0..100).map(|number| typing(number * 7)).collect();
        hints.extend([Hint::Moved, Hint::Handed { to: node, at: "y".into(), user: UserId::new() }]);
        let payloads = pack(node, &hints);
        assert!(payloads.len() > 2 && payloads.iter().all(|payload| payload.len() < 8_000));
        let read = payloads.iter().flat_map(|payload| {
            let payload: Payload = serde_json::from_str(payload).unwrap();
            assert_eq!(payload.node, node);
            payload.hints
        });
        let read: Vec<_> = read.map(|hint| serde_json::to_string(&hint).unwrap()).collect();
        let told: Vec<_> = hints.iter().map(|hint| serde_json::to_string(hint).unwrap()).collect();
        assert_eq!(read, told);
    }

    #[test]
    fn what_fits_into_no_payload_is_left_out() {
        assert_eq!(pack(NodeId::new(), &[typing(8_000), Hint::Moved]).len(), 1);
        assert!(pack(NodeId::new(), &[typing(8_000)]).is_empty());
    }
}
