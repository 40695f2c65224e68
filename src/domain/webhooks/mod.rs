//! Webhooks: each event that the owner's stream would have is posted to an address of the owner's choice.
//!
//! Invariants: events are posted in the log's order, from a stored cursor, at least once. The cursor moves only after the
//! target has answered 2xx, or past events that are not wanted. What is posted is decided by the owner's memberships in
//! the log, as for streams: nothing after they left. One run of one node delivers to a webhook at a time, under a lease.
//! Nothing is posted to an address that [`TargetPolicy`] does not take: checked when it is registered, when it is resolved and
//! at each delivery, and the connection is made to what was checked.
//!
//! A target that fails is tried again after 5 s, then twice as long each time up to 5 min, and is left alone after a day
//! of that, or at once if it answers 410. A cursor that the log cannot go on from pauses the webhook too: its owner has
//! lost events, and must say where to go on.
//!
//! Lifecycle: [`start`] runs one [`office`] a node, which looks for webhooks with something to deliver whenever the log
//! grows, and every two seconds besides, and starts a [`run`] for each, a bounded number at a time and few of one owner.
//! Called by `app`; the endpoints are in [`registry`].

pub(super) mod address;
pub(super) mod backoff;
pub(super) mod delivery;
pub(super) mod registry;
pub(super) mod resolver;
pub(super) mod scheduler;
pub(super) mod sender;
pub(super) mod signing;
pub(super) mod target;
