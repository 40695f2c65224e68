//! Webhooks and bots.

pub mod bots;
pub mod webhooks;
