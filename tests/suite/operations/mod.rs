//! What an operator does: migrations, retention, the embedded PostgreSQL; and figures and exports.

mod embedded_postgres;
mod export;
mod migrations;
mod retention;
mod statistics;
