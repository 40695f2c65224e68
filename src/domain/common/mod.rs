//! What several themes need: pages of lists, checks of texts, and waiting for wake-ups.

pub(super) mod pagination;
pub(super) mod validation;
pub(super) mod wakeup;
