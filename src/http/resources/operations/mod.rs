//! For those who run a node: health, figures, statistics, and the documents of the API.

pub mod docs;
pub mod health;
pub mod metrics;
pub mod statistics;
