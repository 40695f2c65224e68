//! Bodies that are a message.

use super::body::{BodyMediaType, CompleteBody, MAX_BODY_BYTES};
use super::json_body::parse;
use crate::domain::{MessageDraft, invalid};
use crate::http::respond::problem::Problem;
use crate::http::respond::problem_code::ProblemCode;
use crate::ids::{AttachmentId, MessageId};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A message to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageRequest {
    /// 1 to 16,384 Unicode scalar values.
    #[schema(example = "hello", min_length = 1, max_length = 16_384)]
    pub text: String,
    /// A message of the same conversation.
    #[schema(example = json!(null))]
    pub reply_to: Option<MessageId>,
    /// An object of at most 4 KiB, which comes back untouched.
    #[schema(value_type = Option<Object>, example = json!({"color": "blue"}))]
    pub metadata: Option<Box<RawValue>>,
    /// At most 10 uploads of mine, each of which no message has yet.
    #[schema(max_items = 10, example = json!([]))]
    pub attachments: Option<Vec<AttachmentId>>,
}

/// A message as JSON, or a body that is the text itself: no sniffing, decoding or trimming.
pub struct MessageBody {
    pub draft: MessageDraft,
    /// As it came.
    pub bytes: Bytes,
}

impl<S: Sync> FromRequest<S> for MessageBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let CompleteBody { media_type, bytes } = CompleteBody::read(request, MAX_BODY_BYTES).await?;
        let draft = match media_type {
            BodyMediaType::Json | BodyMediaType::None => parse::<MessageRequest>(&bytes)?.into(),
            BodyMediaType::Form | BodyMediaType::Text => raw(&bytes)?,
        };
        Ok(Self { draft, bytes })
    }
}

impl From<MessageRequest> for MessageDraft {
    fn from(request: MessageRequest) -> Self {
        let MessageRequest { text, reply_to, metadata, attachments } = request;
        Self { text, reply_to, metadata, attachments: attachments.unwrap_or_default() }
    }
}

fn raw(bytes: &[u8]) -> Result<MessageDraft, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::new(ProblemCode::Malformed, "the text is not UTF-8"))?;
    if text.contains('\0') {
        return Err(invalid("text", "U+0000 is not taken").into());
    }
    Ok(MessageDraft { text: text.to_owned(), reply_to: None, metadata: None, attachments: Vec::new() })
}
