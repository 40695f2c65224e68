//! Deployments: nodes on one database, and the PostgreSQL that the tests share.

mod app;
mod database;
mod file_store;
mod node;

pub use app::{SOON, TestApp};
pub use database::{Database, PrivateCluster};
pub use file_store::FileStore;
pub use node::Addresses;
