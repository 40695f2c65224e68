//! Connections: accepted ([`accept`]), served by hyper ([`serve`]), and handed over to delivery while a stream or a poll
//! waits ([`handover`]).

pub mod accept;
pub mod context;
pub mod handover;
mod head_timer;
pub mod peer;
mod response_head;
pub mod serve;
mod socket;
