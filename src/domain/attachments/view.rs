//! Attachments as clients see them.

use crate::store::attachments::AttachmentRow;
use crate::wire;

/// An attachment as clients see it.
pub fn view_attachment(attachment: &AttachmentRow) -> wire::Attachment {
    wire::Attachment {
        id: attachment.id,
        name: attachment.name.clone(),
        media_type: attachment.media_type.clone(),
        size: attachment.size,
        sha256: attachment.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
