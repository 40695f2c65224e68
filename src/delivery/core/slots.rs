//! The small numbers by which users, topics and subscriptions name each other: four bytes each, because a node holds
//! thousands of clients with dozens of conversations each.

/// A user's index in [`super::recent::topics::Topics`].
pub type UserSlot = u32;

/// A topic's index in [`super::recent::topics::Topics`].
pub type TopicSlot = u32;

/// A subscription's index in [`super::subscriptions::table::SubscriptionTable`]. It is used again once the subscription
/// has ended, so whatever comes back later also names the connection.
pub type SubscriptionKey = u32;
