//! Faults on purpose: killed nodes, a killed PostgreSQL, lost commits, lost notifications, a standby.

mod clocks;
mod durability;
mod notifications;
mod standby;
mod unknown_commits;
