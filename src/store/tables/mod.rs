//! The queries, one file a table, grouped by what the tables are about.
//!
//! A function here runs one statement, or the few that belong together, on the connection that it is given; where a
//! transaction begins and ends is the caller's matter.

pub mod accounts;
pub mod attachments;
pub mod cursors;
pub mod messaging;
pub mod orphaned_objects;
pub mod presence;
pub mod search;
pub mod secrets;
pub mod webhook_leases;
pub mod webhooks;
