//! Writes that decide under the log's lock: by a SQL function, in one round trip, or in Rust, in a transaction of several.

pub(in crate::log) mod change;
pub(in crate::log) mod function;
pub(super) mod id_judgement;
pub(in crate::log) mod pending;
