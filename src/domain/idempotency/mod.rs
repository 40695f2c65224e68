//! What makes a repeated request harmless: its key, and a fingerprint of what was asked for.

pub(super) mod created;
pub(super) mod key;
pub(super) mod replay;
pub(super) mod request;
