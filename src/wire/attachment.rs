//! Files that belong to messages.

use crate::ids::AttachmentId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A file that belongs to a message.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Attachment {
    pub id: AttachmentId,
    #[schema(example = "photo.jpg")]
    pub name: String,
    #[schema(rename = "type", example = "image/jpeg")]
    #[serde(rename = "type")]
    pub media_type: String,
    /// Bytes.
    #[schema(example = 482_113)]
    pub size: i64,
    /// Hexadecimal.
    #[schema(example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    pub sha256: String,
}
