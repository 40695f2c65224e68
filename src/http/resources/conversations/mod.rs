//! Conversations, their members, and what concerns a conversation as a whole.

pub mod conversation;
pub mod export;
pub mod members;
pub mod read_mark;
pub mod typing;
