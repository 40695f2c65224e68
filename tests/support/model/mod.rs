//! Random actions, and what readers must have received, computed from the tables of the log.

pub mod cursors;
pub mod expected_events;
pub mod random_actions;
