//! How clients get events: streams, long polls, cursors, presence, typing.

mod cursors;
mod event_order;
mod handover;
mod log_reads;
mod polls;
mod presence;
mod slow_readers;
mod snapshot;
mod streams;
mod typing;
