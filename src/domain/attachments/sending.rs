//! Sending with attachments: they become the message's in the transaction that appends it.

use super::shown;
use crate::domain::messages::Letter;
use crate::domain::{Error, invalid};
use crate::ids::{AttachmentId, ConversationId, MessageId};
use crate::log::{ApplyError, Change, ChangeFuture, LockedHead, WriteKey};
use crate::store::attachments::{self, MessageLocation};
use crate::store::users::UserRow;
use crate::store::{Connection, members};
use crate::wire;
use std::sync::Arc;

/// Attachments that a message may have.
pub const MOST: usize = 10;

/// Checks what can be checked of the attachments that a message names before they are looked for.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_named(ids: &[AttachmentId]) -> Result<(), Error> {
    if ids.len() > MOST {
        return Err(invalid("attachments", format!("names {} attachments, at most {MOST} are taken", ids.len())));
    }
    match (1..ids.len()).find(|index| ids[..*index].contains(&ids[*index])) {
        Some(index) => Err(invalid(format!("attachments[{index}]"), "is named twice")),
        None => Ok(()),
    }
}

/// Gives attachments of a sender to their message, in the order in which it names them.
///
/// # Errors
/// [`Error::Invalid`]: one is not the sender's, or has a message.
pub async fn attach(
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
        let attachment = bound.iter().find(|attachment| attachment.id == *id).map(shown);
        attachment.ok_or_else(|| {
            let detail = "there is no such attachment of yours that is not in a message yet";
            ApplyError::Rejected(invalid(format!("attachments[{index}]"), detail))
        })
    };
    ids.iter().enumerate().map(found).collect()
}

/// A message with attachments to a conversation that is there.
pub struct Sending {
    pub key: WriteKey,
    pub conversation: ConversationId,
    pub sender: Arc<UserRow>,
    pub letter: Letter,
}

impl Change for Sending {
    type Output = ();
    type Rejection = Error;

    fn size_bytes(&self) -> usize {
        size_of_val(self) + self.letter.size_bytes()
    }

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async move {
            if members::current(connection, self.conversation, self.sender.id).await?.is_none() {
                return Err(ApplyError::Rejected(Error::NotFound));
            }
            let message = MessageId(self.key.id.0);
            let place = MessageLocation { message, conversation: self.conversation, position: locked.next };
            let attachments = attach(connection, self.letter.attachments(), &self.sender, place).await?;
            let event = self.letter.event(self.key.clone(), message, self.conversation, &self.sender, attachments);
            Ok((vec![event], ()))
        })
    }
}
