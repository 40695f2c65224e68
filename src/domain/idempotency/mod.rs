//! Idempotency: the key of a request, and the fingerprint of what it asks for.

pub(super) mod created;
pub(super) mod key;
pub(super) mod replay;
pub(super) mod request;
