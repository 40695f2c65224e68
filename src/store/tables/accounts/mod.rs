//! Accounts of people and bots, their sessions and keys, and their deletion.

pub mod account_deletions;
pub mod bots;
pub mod sessions;
pub mod tickets;
pub mod user_directory;
pub mod users;
