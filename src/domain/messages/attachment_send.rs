//! Sending a message with attachments.

use crate::domain::attachments::binding::bind_attachments;
use crate::domain::error::Error;
use crate::domain::messages::draft::ValidatedMessage;
use crate::ids::{ConversationId, MessageId};
use crate::log::{Applying, Change, Key, Locked, Stop};
use crate::store::attachments::MessageLocation;
use crate::store::users::UserRow;
use crate::store::{Connection, members};
use std::sync::Arc;

/// A message with attachments to a conversation that is there.
pub struct AttachmentSend {
    pub key: Key,
    pub conversation: ConversationId,
    pub sender: Arc<UserRow>,
    pub message: ValidatedMessage,
}

impl Change for AttachmentSend {
    type Done = ();
    type Refusal = Error;

    fn key(&self) -> &Key {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: Locked) -> Applying<'a, (), Error> {
        Box::pin(async move {
            if members::current(connection, self.conversation, self.sender.id).await?.is_none() {
                return Err(Stop::Refused(Error::NotFound));
            }
            let message = MessageId(self.key.id.0);
            let place = MessageLocation { message, conversation: self.conversation, position: locked.next };
            let attachments = bind_attachments(connection, self.message.attachments(), &self.sender, place).await?;
            let event = self.message.event(self.key.clone(), message, self.conversation, &self.sender, attachments);
            Ok((vec![event], ()))
        })
    }
}
