//! Attachments: files that are uploaded first, and then named by one message.
//!
//! An upload stores its bytes under a name of its own, and adds a row when they are safe. Who sends a message gives it
//! attachments of theirs in the transaction that appends it; from then on they are seen where the message is. Bytes that
//! no row has are removed by a task of each node. Called by `http`, and by the sends of [`messages`](super::messages).

mod content;
mod file_name;
mod sending;
mod sweeping;
mod uploading;

pub use sending::MOST;
pub(super) use sending::{Sending, attach, check_named};
pub use uploading::{Label, Upload};

use super::{Caller, Domain, Error, visibility};
use crate::ids::{AttachmentId, ObjectId};
use crate::store::attachments::{self, AttachmentRow};
use crate::store::files::ObjectStream;
use crate::wire;
use std::ops::Range;

/// An attachment whose bytes may be read.
#[derive(Clone, Debug)]
pub struct Found {
    pub attachment: wire::Attachment,
    object: ObjectId,
}

impl Domain {
    /// Finds an attachment for its uploader, and for who may read the message that names it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn attachment(&self, caller: &Caller, id: AttachmentId) -> Result<Found, Error> {
        let mut connection = self.connection().await?;
        let attachment = attachments::by_id(&mut connection, id).await?.ok_or(Error::NotFound)?;
        if attachment.user_id != caller.user.id {
            let (Some(conversation), Some(position)) = (attachment.conversation_id, attachment.position) else {
                return Err(Error::NotFound);
            };
            if !visibility::of(&mut connection, caller, conversation).await?.covers(position) {
                return Err(Error::NotFound);
            }
        }
        Ok(Found { attachment: shown(&attachment), object: attachment.object })
    }

    /// Reads a part of what was found.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn bytes_of(&self, found: &Found, range: Range<u64>) -> Result<ObjectStream, Error> {
        Ok(self.0.files.read(found.object, range).await?)
    }
}

/// An attachment as clients see it.
fn shown(attachment: &AttachmentRow) -> wire::Attachment {
    wire::Attachment {
        id: attachment.id,
        name: attachment.name.clone(),
        media_type: attachment.media_type.clone(),
        size: attachment.size,
        sha256: attachment.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
