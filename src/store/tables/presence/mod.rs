//! Which nodes run, and who is connected to which of them.

pub mod connections;
pub mod nodes;
