//! The schema: migrations and SQL functions, and what happens while nodes of two versions share a database.

mod advisory_keys;
mod functions;
mod schema;
mod waiting;
