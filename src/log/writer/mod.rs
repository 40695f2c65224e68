//! Writing to the log: one task of a node takes all that waits, appends it in one round trip, and then answers.
//!
//! Invariants: a batch whose outcome is unknown is repeated whole, on a new connection, before anything else is written;
//! an event is in the [`commit_feed`] before its sender is answered; one event that PostgreSQL refuses fails alone.
//!
//! Lifecycle: [`task::start`] makes the [`queue::Writer`] that callers hold; the task ends when the last of them is dropped
//! and nothing waits.

pub(super) mod append;
pub(super) mod appended_batch;
pub(super) mod appender;
pub(super) mod batch;
mod capacity;
pub(super) mod changes;
pub(super) mod commit_feed;
pub(super) mod error;
pub(super) mod queue;
pub(super) mod reconnecting;
pub(super) mod retry;
pub(super) mod session;
pub(super) mod task;
