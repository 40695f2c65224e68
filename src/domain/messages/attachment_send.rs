//! Sending a message with attachments.

use crate::domain::attachments::binding::bind_attachments;
use crate::domain::error::Error;
use crate::domain::messages::draft::ValidatedMessage;
use crate::ids::{ConversationId, MessageId};
use crate::log::{ApplyError, Change, ChangeFuture, LockedHead, WriteKey};
use crate::store::attachments::MessageLocation;
use crate::store::users::UserRow;
use crate::store::{Connection, members};
use crate::wire;
use std::sync::Arc;

/// Sends a message with attachments to a conversation that exists.
pub struct AttachmentSend {
    pub key: WriteKey,
    pub conversation: ConversationId,
    pub sender: Arc<UserRow>,
    pub message: Arc<ValidatedMessage>,
}

impl Change for AttachmentSend {
    /// The attachments, as the message has them.
    type Output = Vec<wire::Attachment>;
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn size_bytes(&self) -> usize {
        size_of_val(self) + self.message.size_bytes()
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
        locked: LockedHead,
    ) -> ChangeFuture<'a, Self::Output, Error> {
        Box::pin(async move {
            if members::current(connection, self.conversation, self.sender.id).await?.is_none() {
                return Err(ApplyError::Rejected(Error::NotFound));
            }
            let message = MessageId(self.key.id.0);
            let place = MessageLocation { message, conversation: self.conversation, position: locked.next };
            let attachments = bind_attachments(connection, self.message.attachments(), &self.sender, place).await?;
            let event =
                self.message.event(self.key.clone(), message, self.conversation, &self.sender, attachments.clone());
            Ok((vec![event], attachments))
        })
    }
}
