//! Messages: sending, editing and deleting them, and reacting to them.

pub(super) mod attachment_send;
pub(super) mod current_version;
pub(super) mod delete;
pub(super) mod draft;
pub(super) mod edit;
pub(super) mod mentions;
pub(super) mod reactions;
pub(super) mod send;
pub(super) mod text;
