//! Receiving events: streams, long polls, and stored cursors.

pub mod cursors;
pub mod stream;
mod subscriber;
pub mod updates;
