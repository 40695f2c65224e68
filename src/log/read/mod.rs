//! Reading the log: its tail, what a user missed, a conversation's messages, and what is derived from them.
//!
//! Nothing here takes the log's lock, but for [`versions`], whose writes run inside a change.

pub(super) mod events;
pub mod history;
pub mod inbox;
mod memberships;
mod missed;
pub mod statistics;
mod tail;
pub mod texts;
pub mod versions;

pub use events::{KnownWrite, events_at, find_write};
pub use memberships::{MembershipSnapshot, open_memberships};
pub use missed::{MAX_PAGE_EVENTS, MissedQuery, MissedRange, events_page, have_missed, missed_positions};
pub use tail::{Tail, tail};
