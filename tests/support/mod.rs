//! What the tests stand on: a PostgreSQL, nodes, users, readers, and ways to break things on purpose.
//!
//! A test begins with `TestApp::builder().nodes(2).start().await` and asks it for users. Nodes run inside the test
//! process, or, where they must die by `kill -9`, as processes of their own.

mod answer;
mod app;
pub mod cursors;
mod database;
mod eventually;
mod files;
mod node;
pub mod proxy;
mod raw;
mod reader;
mod sse;
mod stream;
mod target;
pub mod tokens;
pub mod truth;
mod user;
pub mod ways;
pub mod world;

pub use answer::{Answer, id};
pub use app::{SOON, TestApp};
pub use database::{Database, PrivateCluster};
pub use eventually::{eventually, within};
pub use files::FileStore;
pub use raw::Raw;
pub use reader::Reader;
pub use stream::{Received, Stream};
pub use target::{Posted, Reply, Target};
pub use user::{User, query};
