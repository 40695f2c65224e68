//! Webhooks: each event that the owner's stream would have is posted to an address of the owner's choice.
//!
//! Invariants: events are posted in the log's order, from a stored cursor, at least once. The cursor moves only after
//! the target has answered 2xx, or past events that are not wanted. What is posted is decided by the owner's
//! memberships in the log, as for streams: nothing after they left. One run of one node delivers to a webhook at a
//! time, under a lease. Nothing is posted to an address that [`target::TargetPolicy`] refuses. It is checked when the
//! webhook is registered, when its name is resolved and at each delivery, and the connection is made to the address
//! that was checked.
//!
//! A target that fails is tried again after 5 s, then twice as long each time up to 5 min. After a day of failures, or
//! at once if the target answers 410, the webhook is paused. A cursor that the log cannot go on from pauses it too: its
//! owner has lost events, and must say where to go on.
//!
//! Lifecycle: each node runs one [`scheduler`]. It looks for webhooks with something to deliver whenever the log grows,
//! and every two seconds besides, and starts a run of [`delivery`] for each: a bounded number at a time, and few of one
//! owner. It is started by `app`; what the endpoints need is in [`registry`].

pub(super) mod address;
pub(super) mod backoff;
pub(super) mod delivery;
pub(super) mod registry;
pub(super) mod resolver;
pub(super) mod scheduler;
pub(super) mod sender;
pub(super) mod signing;
pub(super) mod target;
