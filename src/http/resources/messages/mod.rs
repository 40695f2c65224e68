//! Messages, and everything that hangs on one.

pub mod attachments;
mod delivery_wait;
pub mod history;
pub mod message;
pub mod reactions;
pub mod receipts;
pub mod search;
pub mod send;
