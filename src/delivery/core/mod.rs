//! Who of this node's clients gets what, and what waits to be written to each: the part of delivery that is only state
//! and decisions.
//!
//! Nothing here spawns a task, waits for a socket or knows SQL. One thread owns a [`dispatcher::Dispatcher`], so there
//! are no locks, and time is an argument. Commands reach it in the order in which they were sent. New clients come in a
//! queue of their own, and the end of all subscriptions, revocations and the stop are flags: neither keeps an order with
//! the commands. What the dispatcher needs from PostgreSQL leaves as a query and comes back as a command.
//!
//! - [`recent`]: the end of the log that is held in memory, and who is a member of what.
//! - [`subscriptions`]: one entry a client, with its position in the log and what waits for it.
//! - [`catch_up`]: how a client that is behind comes to be live.
//! - [`ephemeral`], [`receipts`], [`reports`]: typing and presence, confirmations of delivery, and reports on clients to
//!   the rest of the node.

pub mod catch_up;
pub mod dispatcher;
pub mod ephemeral;
pub mod receipts;
pub mod recent;
pub mod reports;
pub mod slots;
pub mod subscriptions;
