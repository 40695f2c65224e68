//! PostgreSQL itself: how it is connected to, which errors it answers, how queries are written, and its schema.
//!
//! Requests borrow connections from the [`Pool`](pool::Pool); the log and its listener open their own with
//! [`connect`](connect::connect). All connections run through the same driver, the same TLS settings, and the same
//! [`stream`] that lets [`error_class`] classify errors by their SQLSTATE.

pub mod advisory_keys;
pub mod connect;
pub mod data_loader;
pub mod durability_barrier;
pub mod enums;
pub mod error;
pub mod error_class;
pub mod migrations;
pub mod pool;
pub mod schema;
pub mod sql;
mod stream;
