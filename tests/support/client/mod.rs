//! Clients of the API: users with one method an endpoint, and the ways to receive.

mod answer;
mod raw_connection;
mod reader;
mod sse;
mod stream;
pub mod tokens;
pub mod transports;
mod user;

pub use answer::{Answer, id};
pub use raw_connection::Raw;
pub use reader::Reader;
pub use stream::{Received, Stream};
pub use user::{User, query};
