//! What is read from requests, one extractor a file. An extractor that cannot read what it needs answers a problem.
//!
//! Handlers take them in the order in which a request is checked: path and method are the router's, then the caller (token
//! and rate), path parameters, query, headers, and the body last.

pub mod body;
pub mod caller;
pub mod cursor_target;
pub mod get_only;
pub mod idempotent_request;
pub mod json_body;
pub mod message_body;
pub mod page;
pub mod path;
pub mod prefer;
pub mod query;
pub mod start;
