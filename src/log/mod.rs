//! The append-only log: one order of all that happens, kept in PostgreSQL.
//!
//! Invariants: positions are gapless and in commit order; an event never changes; every write has an id, under which
//! it happens at most once; no caller is answered before the last ReadyForQuery.
//!
//! Lifecycle: [`Log::open`] starts one [`writer`] and one [`listener`] for each node; they end with the server. `domain`
//! writes through [`Log::send`], [`Log::change_by_function`] and [`Log::change`], `delivery` reads through [`read`] and is woken by
//! [`Wakeups`]. Only this folder looks inside a [`Cursor`] or knows that there is one log.
//!
//! The names below are for the rooms above; files of this folder import from the file that defines a name.

mod cursor;
pub mod epoch;
mod event;
mod handle;
mod listener;
mod partitions;
pub mod read;
pub mod retention;
mod writer;

pub use cursor::Cursor;
pub use event::{Event, EventPayload, NewEvent, WriteKey};
pub use handle::Log;
pub use listener::{LIVE_CHANNEL, SESSIONS_CHANNEL, Wakeups};
pub use read::{history, inbox, statistics, texts, versions};
pub use writer::changes::change::{ApplyError, Change, ChangeError, ChangeFuture, ChangeOutcome, LockedHead};
pub use writer::changes::function::{FunctionChange, FunctionRejection};
pub use writer::commit_feed::{CommitFeed, CommittedBatch, FeedItem};
#[cfg(test)]
pub use writer::commit_feed::{CommitFeedSender, channel as commit_feed};
pub use writer::error::{AttemptError, WriteError};
pub use writer::queue::SendOutcome;
pub use writer::session::new_epoch;
