//! Accounts: registering, being found, changing and deleting them; bots, which are accounts too.

pub(super) mod administration;
pub(super) mod bot_tokens;
pub(super) mod bots;
pub(super) mod deletion;
pub(super) mod directory;
pub(super) mod presence;
pub(super) mod profile;
pub(super) mod provisioning;
pub(super) mod registration;
pub(super) mod user_names;
