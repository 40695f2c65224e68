//! Users, their sessions, and whether they are online.

pub mod me;
pub mod presence;
pub mod sessions;
pub mod tickets;
pub mod users;
