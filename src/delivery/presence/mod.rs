//! What nodes know of each other's clients.
//!
//! There are two ways. Who is connected stands in a table ([`connection_registry`]): each node writes in batches who has
//! connected and disconnected, and reads what others have written. Who types, and who was sent an awaited message, is
//! told by NOTIFY alone ([`outbox`], [`hint_receiver`]), on a channel and in transactions of its own, a few times a second
//! at most. Both are hints for the clients of this node: what is lost on the way is late or missing, never wrong. A node
//! that is alone tells nothing.
//!
//! Lifecycle: [`handle::NodePresence::start`], with the hub's reports; it ends with the node. [`handle::NodePresence::leave`]
//! takes this node's clients offline at once. Without it, that takes until the node is no longer believed to run.

mod connection_registry;
mod connection_tracker;
mod debounce;
mod delivery_waiters;
pub mod handle;
mod hint_receiver;
mod node_hint;
mod outbox;
mod registry_error;
mod shared;
