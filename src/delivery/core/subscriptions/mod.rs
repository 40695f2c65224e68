//! The clients of this node: who they are, how far each has got, and what waits to be written to it.

pub mod close_reason;
pub mod deadlines;
pub mod receiver;
pub mod sink;
pub mod subscription;
pub mod table;
pub mod write;
