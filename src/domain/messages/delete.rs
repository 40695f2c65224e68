//! Deleting messages, under the log's lock.

use crate::domain::auth::caller::Caller;
use crate::domain::change_event::ChangeEvent;
use crate::domain::error::Error;
use crate::domain::idempotency::request::fresh_key;
use crate::domain::messages::current_version::is_deleted;
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::ids::MessageId;
use crate::log::{ApplyError, Change, ChangeFuture, Event, LockedHead, NewEvent, WriteKey, versions};
use crate::store::users::UserRow;
use crate::store::{Connection, ConversationKind, EventKind, MemberRole, attachments, reactions, search};
use crate::wire::{Message, MessageData};

impl Domain {
    /// Deletes a message; its text is gone before this answers. One that was deleted before stays so.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Forbidden`].
    pub async fn delete_message(&self, caller: &Caller, id: MessageId) -> Result<(), Error> {
        let (_, sight) = visibility::message(&mut *self.connection().await?, caller, id).await?;
        sight.present()?;
        let key = fresh_key(caller.user.id);
        self.0.log.change(MessageDeletion { key, caller: caller.clone(), message: id }).await?;
        Ok(())
    }
}

struct MessageDeletion {
    key: WriteKey,
    caller: Caller,
    message: MessageId,
}

impl Change for MessageDeletion {
    type Output = ();
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async move {
            let (created, sight) = visibility::message(connection, &self.caller, self.message).await?;
            let own = created.sender == self.caller.user.id;
            let manages =
                sight.conversation.kind == ConversationKind::Group && sight.present()?.role != MemberRole::Member;
            if !own && !manages {
                return Err(ApplyError::Rejected(Error::Forbidden(
                    "only its author, admins and owners delete a message",
                )));
            }
            if is_deleted(connection, &created).await? {
                return Ok((Vec::new(), ()));
            }
            let event = delete_under_lock(connection, self.key.clone(), &self.caller.user, &created, locked).await?;
            Ok((vec![event], ()))
        })
    }
}

/// Deletes a message that was not deleted yet: its text and all that hangs on it. The event stands at `locked.next`.
pub async fn delete_under_lock(
    connection: &mut Connection,
    key: WriteKey,
    actor: &UserRow,
    created: &Event,
    locked: LockedHead,
) -> Result<NewEvent, ApplyError<Error>> {
    let message = created.message.ok_or(ApplyError::Rejected(Error::NotFound))?;
    versions::delete(connection, message, created.position, locked.next).await?;
    reactions::delete_all(connection, &[message]).await?;
    attachments::release(connection, &[message]).await?;
    search::delete_messages(connection, &[message]).await?;
    let left = Message::from_deleted(created, locked.now).map_err(Error::from)?;
    let event = ChangeEvent {
        key,
        conversation: created.conversation,
        kind: EventKind::MessageDeleted,
        message: Some(message),
        actor,
        data: &MessageData { message: left },
        concerns: Vec::new(),
        only_for: None,
    };
    Ok(event.event())
}
