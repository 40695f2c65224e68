//! The bytes between this server and PostgreSQL: whether TLS is spoken, and what of an error reaches the queries.

pub mod negotiation;
pub mod sqlstate_stream;
mod tls;
