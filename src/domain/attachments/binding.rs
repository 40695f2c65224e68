//! Binding attachments to a message, in the transaction that appends it.

use crate::domain::attachments::view::view_attachment;
use crate::domain::error::{Error, invalid};
use crate::ids::AttachmentId;
use crate::log::ApplyError;
use crate::store::Connection;
use crate::store::attachments::{self, MessageLocation};
use crate::store::users::UserRow;
use crate::wire;

/// Attachments of one message.
pub const MAX_ATTACHMENTS: usize = 10;

/// Checks the list of attachments of a message, as far as it can be without the database.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_attachment_ids(ids: &[AttachmentId]) -> Result<(), Error> {
    if ids.len() > MAX_ATTACHMENTS {
        return Err(invalid(
            "attachments",
            format!("names {} attachments, at most {MAX_ATTACHMENTS} are taken", ids.len()),
        ));
    }
    match (1..ids.len()).find(|index| ids[..*index].contains(&ids[*index])) {
        Some(index) => Err(invalid(format!("attachments[{index}]"), "is named twice")),
        None => Ok(()),
    }
}

/// Binds attachments of a sender to their message, in the order in which it names them.
///
/// # Errors
/// [`Error::Invalid`]: one is not the sender's, or belongs to a message already.
pub async fn bind_attachments(
    connection: &mut Connection,
    ids: &[AttachmentId],
    sender: &UserRow,
    place: MessageLocation,
) -> Result<Vec<wire::Attachment>, ApplyError<Error>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let bound = attachments::bind(connection, ids, sender.id, place).await?;
    let found = |(index, id): (usize, &AttachmentId)| {
        let attachment = bound.iter().find(|attachment| attachment.id == *id).map(view_attachment);
        attachment.ok_or_else(|| {
            let detail = "there is no such attachment of yours that is not in a message yet";
            ApplyError::Rejected(invalid(format!("attachments[{index}]"), detail))
        })
    };
    ids.iter().enumerate().map(found).collect()
}
