//! How a client that is behind comes to be live: out of the ring where that holds all that it missed, else by queries to
//! PostgreSQL, whose results come back as commands.

pub mod advance;
pub mod held_back;
pub mod page;
pub mod queries;
pub mod query;
pub mod read_ahead;
