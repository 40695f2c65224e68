//! Attachments: files that are uploaded first, and then named by one message.
//!
//! An upload stores its bytes as an object of its own, and inserts a row when they are durable. A send binds
//! attachments of the sender to its message, in the transaction that appends the message; from then on, who may read
//! the message may read them. Objects without a row are removed by a task of each node. Called by `http`, and by the
//! sends of [`messages`](super::messages).

pub(super) mod binding;
pub(super) mod cleanup;
pub(super) mod download;
pub(super) mod file_name;
pub(super) mod media_type;
pub(super) mod upload;
pub(super) mod view;
