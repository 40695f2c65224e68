//! Searching: what messages hold the words that somebody looks for.
//!
//! The index tells which texts to look at; the texts themselves are read from the log, and compared. So nothing is found
//! that is not there, and nobody finds what they may not read: a hit is shown as its message is shown to the caller, and
//! is one only if the text that is shown has the words.
//!
//! [`index`] fills the index behind the log, one node at a time; [`mod@reindex`] makes it anew.

pub(super) mod excerpt;
pub(super) mod fold;
pub(super) mod indexer;
pub(super) mod ngrams;
pub(super) mod query;
pub(super) mod reindex;
pub(super) mod version;
