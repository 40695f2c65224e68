//! Searching: finding the messages that hold all of some words.
//!
//! The index only proposes candidates: their texts are read from the log and compared. So a stale index finds nothing
//! that is gone, and nobody finds what they may not read: a hit is the message as the caller sees it, and is one only
//! if the text of that view has the words.
//!
//! [`indexer`] fills the index from the log, on one node at a time; [`mod@reindex`] rebuilds it.

pub(super) mod excerpt;
pub(super) mod fold;
pub(super) mod indexer;
pub(super) mod ngrams;
pub(super) mod query;
pub(super) mod reindex;
pub(super) mod version;
