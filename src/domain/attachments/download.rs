//! Reading attachments.

use crate::domain::attachments::view::view_attachment;
use crate::domain::auth::caller::Caller;
use crate::domain::error::Error;
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::ids::{AttachmentId, ObjectId};
use crate::store::attachments;
use crate::store::files::ObjectStream;
use crate::wire;
use std::ops::Range;

/// An attachment that the caller may read.
#[derive(Clone, Debug)]
pub struct ReadableAttachment {
    pub attachment: wire::Attachment,
    object: ObjectId,
}

impl Domain {
    /// Finds an attachment, for its uploader and for those who may read its message.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn attachment(&self, caller: &Caller, id: AttachmentId) -> Result<ReadableAttachment, Error> {
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
        Ok(ReadableAttachment { attachment: view_attachment(&attachment), object: attachment.object })
    }

    /// Reads a range of the bytes of an attachment.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn attachment_bytes(&self, found: &ReadableAttachment, range: Range<u64>) -> Result<ObjectStream, Error> {
        Ok(self.0.files.read(found.object, range).await?)
    }
}
