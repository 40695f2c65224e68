//! Faults on purpose: killed nodes, a killed PostgreSQL, lost commits, lost notifications, a standby, no
//! descriptors left.

mod clocks;
#[cfg(target_os = "linux")]
mod descriptors;
mod durability;
mod error_classes;
mod log_writer;
mod notifications;
mod query_timeouts;
mod round_trips;
mod standby;
mod unknown_commits;
