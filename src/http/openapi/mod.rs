//! The OpenAPI document: generated from the handlers, and completed with what all of them have in common.

pub mod complete;
pub mod document;
mod examples;
