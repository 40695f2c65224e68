//! Attachments: files that are uploaded first, and then named by one message.
//!
//! An upload stores its bytes under a name of its own, and adds a row when they are safe. Who sends a message gives it
//! attachments of theirs in the transaction that appends it; from then on they are seen where the message is. Bytes that
//! no row has are removed by a task of each node. Called by `http`, and by the sends of [`messages`](super::messages).

pub(super) mod binding;
pub(super) mod cleanup;
pub(super) mod download;
pub(super) mod file_name;
pub(super) mod media_type;
pub(super) mod upload;
pub(super) mod view;
