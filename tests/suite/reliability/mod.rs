//! Faults on purpose: killed nodes, a killed PostgreSQL, lost commits, lost notifications, a standby.

mod clocks;
mod durability;
mod log_writer;
mod notifications;
mod standby;
mod unknown_commits;
