//! The test harness: a PostgreSQL, nodes, users and readers, and faults on purpose.
//!
//! A test begins with `TestApp::builder().nodes(2).start().await` and asks it for users. Nodes run inside the test
//! process or, where a test kills them by `kill -9`, as processes of their own.
//!
//! - `deployment`: the PostgreSQL of the test process, a database per test, nodes, directories for attachments
//! - `client`: users with one method an endpoint, streams, polls, raw connections
//! - `model`: random actions, and what readers must have received, computed from the log's tables
//! - `proxy`: a TCP proxy in front of PostgreSQL that breaks connections

mod client;
mod deployment;
mod eventually;
mod model;
pub mod proxy;
mod webhook_target;

pub use client::{Answer, Raw, Reader, Received, Stream, User, id, query, tokens, transports};
pub use deployment::{Database, FileStore, PrivateCluster, SOON, TestApp};
pub use eventually::{eventually, within};
pub use model::{cursors, expected_events, random_actions};
pub use proxy::Proxy;
pub use webhook_target::{Posted, Reply, Target};
