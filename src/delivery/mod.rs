//! From the log to the clients of this node.
//!
//! One [`tailer`](Tailer) follows the log and publishes to one [`Hub`], which knows who of its clients is a member of
//! what, as of the position that it has published, and puts each event into the queues of those subscriptions. Who gets
//! an event is decided in the order of the log: memberships change at the hub when their events pass by.
//!
//! A subscription registers at the hub's position, reads what lies between its cursor and there from the log, and then
//! goes on from its queue. Both other orders lose or repeat events.

mod hub;
mod membership;
mod queue;
mod ring;
mod start;
mod subscription;
mod tailer;

pub use hub::{Hub, Subscriber, Transport};
pub use queue::Close;
pub use start::{After, Refused, Start};
pub use subscription::{News, Subscription};
pub use tailer::Tailer;
