//! Conversations: creating, listing, changing and deleting them; their members and read marks.

pub(super) mod addition;
pub(super) mod create;
pub(super) mod creation;
pub(super) mod deletion;
pub(super) mod members;
pub(super) mod membership_change;
pub(super) mod read_mark_queue;
pub(super) mod read_mark_writer;
pub(super) mod read_marks;
pub(super) mod removal;
pub(super) mod update;
pub(super) mod view;
