//! Editing and deleting messages, under the log's lock.

use super::telling::{Told, names};
use super::{Caller, Domain, Error, idempotency, invalid, text, visibility};
use crate::ids::{MessageId, UserId};
use crate::log::{ApplyError, Change, ChangeFuture, Event, LockedHead, NewEvent, WriteKey, read, versions};
use crate::store::users::UserRow;
use crate::store::{Connection, ConversationKind, EventKind, MemberRole, attachments, reactions, search};
use crate::wire::{self, First, Message, MessageData, MessagePayload};

/// Edits of one message, all of whose texts are kept and read together.
const MOST_EDITS: i64 = 200;

impl Domain {
    /// Gives a message of the caller's another text.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], [`Error::Forbidden`].
    pub async fn edit_message(&self, caller: &Caller, id: MessageId, text: String) -> Result<wire::Message, Error> {
        text::check_text(&text)?;
        let (created, sight) = visibility::message(&mut *self.connection().await?, caller, id).await?;
        sight.present()?;
        check_author(&created, caller)?;
        let mentions = self.mentions(&text).await?;
        let key = idempotency::fresh(caller.user.id);
        self.0.log.change(Editing { key, caller: caller.clone(), message: id, text, mentions }).await?;
        self.message(caller, id).await
    }

    /// Deletes a message; its text is gone before this answers. One that was deleted before stays so.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Forbidden`].
    pub async fn delete_message(&self, caller: &Caller, id: MessageId) -> Result<(), Error> {
        let (_, sight) = visibility::message(&mut *self.connection().await?, caller, id).await?;
        sight.present()?;
        let key = idempotency::fresh(caller.user.id);
        self.0.log.change(Deleting { key, caller: caller.clone(), message: id }).await?;
        Ok(())
    }
}

fn check_author(created: &Event, caller: &Caller) -> Result<(), Error> {
    if created.sender == caller.user.id { Ok(()) } else { Err(Error::Forbidden("only its author edits a message")) }
}

/// What stands for a message now: its last edit or its deletion, else the message itself.
///
/// # Errors
/// [`crate::store::StoreError`].
pub(super) async fn current(connection: &mut Connection, created: &Event) -> Result<Event, Error> {
    let Some(position) = created.current else { return Ok(created.clone()) };
    read::events_at(connection, &[position]).await?.pop().ok_or(Error::NotFound)
}

/// Whether a message was deleted.
///
/// # Errors
/// [`crate::store::StoreError`].
pub(super) async fn is_deleted(connection: &mut Connection, created: &Event) -> Result<bool, Error> {
    Ok(current(connection, created).await?.kind == EventKind::MessageDeleted)
}

struct Editing {
    key: WriteKey,
    caller: Caller,
    message: MessageId,
    text: String,
    mentions: Vec<UserId>,
}

impl Change for Editing {
    type Output = ();
    type Rejection = Error;

    fn size_bytes(&self) -> usize {
        size_of_val(self) + self.text.len() + size_of_val(self.mentions.as_slice())
    }

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async move {
            let (created, sight) = visibility::message(connection, &self.caller, self.message).await?;
            sight.present()?;
            check_author(&created, &self.caller)?;
            let current = current(connection, &created).await?;
            if current.kind == EventKind::MessageDeleted {
                return Err(ApplyError::Rejected(Error::Forbidden("the message was deleted")));
            }
            let before = MessagePayload::parse(&current.payload).map_err(Error::from)?;
            if before.text.as_deref() == Some(&self.text) {
                return Ok((Vec::new(), ()));
            }
            if versions::count_edits(connection, self.message).await? >= MOST_EDITS {
                let detail = format!("is the text of a message that was edited {MOST_EDITS} times: send another");
                return Err(ApplyError::Rejected(invalid("text", detail)));
            }
            versions::supersede(connection, created.position, locked.next, &self.mentions).await?;
            Ok((vec![self.event(&created, before)], ()))
        })
    }
}

impl Editing {
    fn event(&self, created: &Event, before: MessagePayload<'_>) -> NewEvent {
        let cursor = created.cursor().to_string();
        let payload = MessagePayload {
            sender: names(&self.caller.user),
            text: Some(self.text.as_str().into()),
            mentions: self.mentions.clone(),
            first: Some(First { cursor: cursor.into(), created_at: created.created_at }),
            ..before
        };
        NewEvent {
            key: self.key.clone(),
            conversation: created.conversation,
            kind: EventKind::MessageEdited,
            message: Some(self.message),
            sender: self.caller.user.id,
            payload: payload.to_payload(),
            reply_to: None,
            mentions: Vec::new(),
            only_for: None,
        }
    }
}

struct Deleting {
    key: WriteKey,
    caller: Caller,
    message: MessageId,
}

impl Change for Deleting {
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
            let event = delete(connection, self.key.clone(), &self.caller.user, &created, locked).await?;
            Ok((vec![event], ()))
        })
    }
}

/// Deletes a message that was not deleted yet: its text and all that hangs on it. The event stands at `locked.next`.
///
/// # Errors
/// As PostgreSQL has it.
pub(super) async fn delete(
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
    let left = Message::told(created).map_err(Error::from)?.deleted(locked.now);
    let event = Told {
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
