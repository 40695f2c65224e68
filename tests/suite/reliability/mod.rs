//! Faults on purpose: killed nodes, a killed PostgreSQL, lost commits, lost notifications, a standby.

mod durability;
mod notifications;
mod round_trips;
mod standby;
mod unknown_commits;
