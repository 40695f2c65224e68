//! What somebody may read: histories, exports, figures, and the cursors that they keep.

pub(super) mod export;
pub(super) mod history;
pub(super) mod message_view;
pub(super) mod named_cursors;
pub(super) mod statistics;
pub(super) mod visibility;
