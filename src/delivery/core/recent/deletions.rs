//! Which texts were deleted last, so that what was read from PostgreSQL before that is not sent after it.

use crate::ids::MessageId;
use std::collections::{HashSet, VecDeque};

/// Deletions that are remembered, 16 bytes each. What was read before the oldest of them is read again.
const MAX_DELETIONS_KEPT: usize = 4_096;

/// The deletions of texts that have passed, counted.
///
/// Who reads from PostgreSQL notes the count before the read. What is read then holds no text of the deletions up to
/// there, and may hold one of those after it. A deletion itself looks at nobody who reads.
#[derive(Default)]
pub struct Deletions {
    count: u64,
    /// The last ones: a message, or a whole conversation.
    recent: VecDeque<Option<MessageId>>,
}

impl Deletions {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Takes in that the texts of a message, or of a conversation, are deleted.
    pub fn add(&mut self, message: Option<MessageId>) {
        if self.recent.len() == MAX_DELETIONS_KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(message);
        self.count += 1;
    }

    /// Whether a text of one of `messages` may have been deleted after the first `count` deletions.
    pub fn may_concern(&self, mut messages: impl Iterator<Item = MessageId>, count: u64) -> bool {
        let since = usize::try_from(self.count - count).unwrap_or(usize::MAX);
        if since == 0 {
            return false;
        }
        if since > self.recent.len() {
            return true;
        }
        let Some(deleted) = self.recent.iter().rev().take(since).copied().collect::<Option<HashSet<_>>>() else {
            // A whole conversation: it is rare, and may be anybody's.
            return true;
        };
        messages.any(|message| deleted.contains(&message))
    }
}

#[cfg(test)]
#[path = "tests/deletions.rs"]
mod tests;
