//! All advisory locks of a deployment. A lock of another purpose gets a key of its own here: two purposes on one key wait
//! for each other for no reason.
//!
//! The SQL functions `log_lock_key`, `log_partition_lock_key` and `search_lock_key` answer three of them; a test holds that
//! they agree.
//!
//! Lock order, where two are held at once: [`LOG_KEY`], then rows, then [`SEARCH_KEY`]. The others are held alone or
//! before these.

/// The key of an advisory lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AdvisoryKey(pub i64);

/// The order of the log: held from before positions are taken until the commit, by everything that changes events,
/// members or conversations.
pub const LOG_KEY: AdvisoryKey = AdvisoryKey(7_809_641_251_763_024_741);
/// Making partitions of the log ahead of its head.
pub const LOG_PARTITION_KEY: AdvisoryKey = AdvisoryKey(7_809_641_251_763_024_742);
/// A run of retention: one at a time.
pub const RETENTION_KEY: AdvisoryKey = AdvisoryKey(7_809_641_251_763_024_743);
/// Bringing the schema up to date: one node at a time.
pub const MIGRATIONS_KEY: AdvisoryKey = AdvisoryKey(7_809_641_251_763_024_744);
/// Between the indexer of `search`, which takes it, and deletions of texts, which share it.
pub const SEARCH_KEY: AdvisoryKey = AdvisoryKey(4_093_577_015_826_403_119);

/// All of them, by name.
pub const ADVISORY_KEYS: [(&str, AdvisoryKey); 5] = [
    ("log", LOG_KEY),
    ("log_partition", LOG_PARTITION_KEY),
    ("retention", RETENTION_KEY),
    ("migrations", MIGRATIONS_KEY),
    ("search", SEARCH_KEY),
];
