//! What a search finds.

use super::message::Message;
use serde::Serialize;
use utoipa::ToSchema;

/// A message that was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Hit {
    pub message: Message,
    /// A piece of the text around the first match: one line of plain text, at most 162 characters.
    #[schema(example = "…shall we meet at the Zugspitze on Sunday?")]
    pub excerpt: String,
}
