//! Messages before they are sent.

use crate::domain::attachments::binding::check_attachment_ids;
use crate::domain::change_event::actor_names;
use crate::domain::error::Error;
use crate::domain::messages::text::{check_metadata, check_text};
use crate::ids::{AttachmentId, ConversationId, MessageId, UserId};
use crate::log::{NewEvent, WriteKey};
use crate::store::EventKind;
use crate::store::users::UserRow;
use crate::wire::{self, MessagePayload};
use serde_json::value::RawValue;

/// A message as a client gives it.
#[derive(Clone, Debug)]
pub struct MessageDraft {
    pub text: String,
    pub reply_to: Option<MessageId>,
    pub metadata: Option<Box<RawValue>>,
    /// Uploads of the sender.
    pub attachments: Vec<AttachmentId>,
}

/// A message that is ready to be sent.
#[derive(Clone, Debug)]
pub struct ValidatedMessage {
    draft: MessageDraft,
    mentions: Vec<UserId>,
}

impl MessageDraft {
    /// Checks what can be checked without the database.
    pub fn checked(mut self) -> Result<Self, Error> {
        check_text(&self.text)?;
        self.metadata = self.metadata.as_deref().map(check_metadata).transpose()?;
        check_attachment_ids(&self.attachments)?;
        Ok(self)
    }
}

impl ValidatedMessage {
    /// Bytes that it holds on the heap.
    pub fn size_bytes(&self) -> usize {
        let metadata = self.draft.metadata.as_ref().map_or(0, |metadata| metadata.get().len());
        self.draft.text.len() + metadata + size_of_val(self.mentions.as_slice())
    }

    /// Joins a draft that was checked with the users whom its text mentions.
    pub fn new(draft: MessageDraft, mentions: Vec<UserId>) -> Self {
        Self { draft, mentions }
    }

    /// The attachments that it names.
    pub fn attachments(&self) -> &[AttachmentId] {
        &self.draft.attachments
    }

    /// What the log stores of the message, and of which the answer to its sender is made.
    pub fn payload<'a>(&'a self, sender: &'a UserRow, attachments: Vec<wire::Attachment>) -> MessagePayload<'a> {
        MessagePayload {
            sender: actor_names(sender),
            text: Some(self.draft.text.as_str().into()),
            reply_to: self.draft.reply_to,
            mentions: self.mentions.clone(),
            metadata: self.draft.metadata.as_deref(),
            attachments,
            first: None,
        }
    }

    /// The event of the message, which has these attachments.
    pub fn event(
        &self,
        key: WriteKey,
        id: MessageId,
        conversation: ConversationId,
        sender: &UserRow,
        attachments: Vec<wire::Attachment>,
    ) -> NewEvent {
        NewEvent {
            key,
            conversation,
            kind: EventKind::MessageCreated,
            message: Some(id),
            sender: sender.id,
            payload: self.payload(sender, attachments).to_payload(),
            reply_to: self.draft.reply_to,
            mentions: self.mentions.clone(),
            only_for: None,
        }
    }
}

#[cfg(test)]
#[path = "tests/draft.rs"]
mod tests;
