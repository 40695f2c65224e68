//! From the log to the clients of this node.
//!
//! One [`tailer`](Tailer) follows the log and publishes to one [`Hub`], behind which one thread, the reactor, owns all
//! streams and waiting polls: the [`audience`], their places in the [`ring`] of the last events, and their sockets. Who
//! gets an event is decided in the order of the log: memberships change at the hub when their events pass by.
//!
//! A subscription has a place in the log. What it misses below the ring is read from PostgreSQL; from the ring on, it
//! catches up and is live in one step of the one thread, so that nothing can be lost or repeated in between. An event is
//! encoded once for all who get it, and all that waits for a client goes in one write.
//!
//! Beside the log, [`Live`] knows who is connected anywhere, and tells other nodes what stands nowhere: who types, and who
//! has been handed a message.
//!
//! Lifecycle: [`Hub::start`], then [`answer`] for its questions to PostgreSQL; [`Hub::close_all`] ends
//! the subscriptions, [`Hub::stop`] the thread.

mod answers;
mod audience;
mod behind;
mod close;
mod ephemeral;
mod flush;
mod hub;
mod live;
mod membership;
mod outlet;
mod question;
mod reactor;
mod receipts;
mod ring;
mod roster;
mod start;
mod subscription;
mod tailer;

pub use audience::HEARTBEAT;
pub use close::Close;
pub use hub::Hub;
pub use live::Live;
pub use outlet::Outlet;
pub use question::answer;
pub use start::{After, Epochs, Refused, Start};
pub use subscription::{Answer, Newcomer, Poll, Receiver, Subscriber};
pub use tailer::Tailer;

#[cfg(test)]
#[path = "samples_tests.rs"]
mod samples;
