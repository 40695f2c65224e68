//! Connections: accepted ([`accept`]), served by hyper ([`serve`]), and handed over to delivery while a stream or a poll
//! waits ([`handover`]).

pub mod accept;
pub mod context;
mod descriptors;
pub mod handover;
mod head_timer;
mod outage;
pub mod peer;
mod refuse;
mod response_head;
pub mod serve;
mod socket;
