//! From the log to the clients of this node.
//!
//! One [`Tailer`] follows the log and publishes to one [`Hub`]. Behind the hub one thread, the event loop, owns all
//! streams and waiting polls: the dispatcher in `core`, with each client's position in the log, and their sockets. Who
//! gets an event is decided in the order of the log: memberships change in the dispatcher when their events pass.
//!
//! A client first reads from PostgreSQL what it missed below the ring, the last events that are held in memory. From the
//! ring on, it catches up and is live in one step of the one thread, so nothing can be lost or repeated in between. An
//! event is encoded once for all who get it, and all that waits for a client goes in one write.
//!
//! Beside the log, [`NodePresence`] knows who is connected to any node, and sends other nodes what stands nowhere: who types,
//! and who was sent an awaited message.
//!
//! Lifecycle: [`Hub::start`], then [`CatchUpLoader::start`] for its queries to PostgreSQL; [`Hub::close_all`] ends the
//! subscriptions, [`Hub::stop`] the thread.

mod command;
mod control;
mod core;
mod event_loop;
mod hub;
mod inbox;
mod loader;
mod page_reader;
mod presence;
mod query_channels;
mod resume;
mod tailer;
mod waker;

pub use self::core::catch_up::page::StartPoint;
pub use self::core::subscriptions::close_reason::CloseReason;
pub use self::core::subscriptions::receiver::{LongPoll, NewSubscription, PollAnswer, Receiver, Subscriber};
pub use self::core::subscriptions::sink::Sink;
pub use self::core::subscriptions::subscription::HEARTBEAT_INTERVAL;
pub use self::hub::{AdmissionPermit, Hub};
pub use self::loader::CatchUpLoader;
pub use self::presence::handle::NodePresence;
pub use self::resume::{Epochs, ResumeError, ResumeFrom};
pub use self::tailer::Tailer;

#[cfg(test)]
#[path = "tests/samples.rs"]
mod samples;
