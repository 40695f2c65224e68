//! Faults on purpose: killed nodes, a killed PostgreSQL, lost commits, lost notifications, a standby, no
//! descriptors left.

#[cfg(target_os = "linux")]
mod descriptors;
mod durability;
mod notifications;
mod standby;
mod unknown_commits;
