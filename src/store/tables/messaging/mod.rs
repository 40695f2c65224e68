//! Conversations, who is a member of them, and what members leave there besides messages. The messages themselves are
//! events, which `log` owns.

pub mod conversations;
pub mod members;
pub mod reactions;
pub mod read_marks;
pub mod shared_conversations;
