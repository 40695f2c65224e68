//! The handlers, one file a resource. Request and response types stand above the handlers that use them.

pub mod accounts;
pub mod conversations;
pub mod integrations;
pub mod messages;
pub mod operations;
pub mod receiving;
