//! The tests of the server through its API, one folder a theme, and `source`: what holds for the source code itself.

mod accounts;
mod api;
mod attachments;
mod conversations;
mod messages;
mod operations;
mod receiving;
mod reliability;
mod source;
mod webhooks;
