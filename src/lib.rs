//! Longwave: messaging over plain HTTP.
//!
//! The way of a message: `http::resources::messages` → `domain::messages` → `log::writer` → `log::writer::append` →
//! PostgreSQL → `log::listener` → `delivery::tailer` → `delivery::hub` → `delivery::core` →
//! `http::resources::receiving`. Imports only go down: `app` > `http` > `domain` | `delivery` > `wire` > `log` > `store` >
//! the rest.

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
