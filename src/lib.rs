//! Longwave: messaging over plain HTTP.
//!
//! `docs/architecture.md` says what is where, and follows a message and a cursor through the code. In short:
//! [`http`] takes a message in, [`domain`] checks the rules, [`log`] appends it in PostgreSQL, and [`delivery`] follows
//! the log and writes to the clients of this node. [`wire`] has the JSON shapes, [`store`] the tables.
//!
//! Imports only go down: `cli` > `app` > `http` > `domain` | `delivery` > `wire` > `log` > `store` > `ids`, `config`,
//! `telemetry`, `shutdown`.

pub mod app;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod http;
pub mod ids;
pub mod log;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod wire;
