//! The end of the log that this node holds in memory, and who of its users is a member of what at that end.

pub mod deletions;
pub mod membership;
pub mod recent_log;
pub mod ring;
pub mod topics;
