//! How responses are made: JSON, CSV, files in part, and problem documents.

pub mod common_headers;
pub mod content_disposition;
pub mod csv;
pub mod json;
pub mod page_token;
pub mod problem;
pub mod problem_code;
pub mod problem_document;
pub mod range_request;
