//! Who calls: passwords, tokens, sessions, tickets, and what ends them.

pub(super) mod access_tokens;
pub(super) mod authentication;
pub(super) mod caller;
pub(super) mod identity_cache;
pub(super) mod passwords;
pub(super) mod revocations;
pub(super) mod secrets;
pub(super) mod sessions;
pub(super) mod tickets;
