//! The tests, one file a theme.

mod accounts;
mod commits;
mod conversations;
mod cursors;
mod durability;
mod handover;
mod history;
mod idempotency;
mod layers;
mod members;
mod membership;
mod messages;
mod migrations;
mod notifications;
mod openapi;
mod order;
mod polls;
mod problems;
mod search;
mod sessions;
mod slow;
mod standby;
mod standings;
mod streams;
mod tokens;
