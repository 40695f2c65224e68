//! Editing and deleting messages, under the log's lock.

use crate::domain::auth::caller::Caller;
use crate::domain::change_event::actor_names;
use crate::domain::error::{Error, invalid};
use crate::domain::idempotency::request::fresh_key;
use crate::domain::messages::current_version::current_version;
use crate::domain::messages::text::check_text;
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::ids::{MessageId, UserId};
use crate::log::{ApplyError, Change, ChangeFuture, Event, LockedHead, NewEvent, WriteKey, versions};
use crate::store::{Connection, EventKind};
use crate::wire::{self, First, MessagePayload};

/// Edits of one message, all of whose texts are kept and read together.
const MAX_EDITS: i64 = 200;

impl Domain {
    /// Gives a message of the caller's another text.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], [`Error::Forbidden`].
    pub async fn edit_message(&self, caller: &Caller, id: MessageId, text: String) -> Result<wire::Message, Error> {
        check_text(&text)?;
        let (created, sight) = visibility::message(&mut *self.connection().await?, caller, id).await?;
        sight.present()?;
        check_author(&created, caller)?;
        let mentions = self.mentions(&text).await?;
        let key = fresh_key(caller.user.id);
        self.0.log.change(MessageEdit { key, caller: caller.clone(), message: id, text, mentions }).await?;
        self.message(caller, id).await
    }
}

fn check_author(created: &Event, caller: &Caller) -> Result<(), Error> {
    if created.sender == caller.user.id { Ok(()) } else { Err(Error::Forbidden("only its author edits a message")) }
}

struct MessageEdit {
    key: WriteKey,
    caller: Caller,
    message: MessageId,
    text: String,
    mentions: Vec<UserId>,
}

impl Change for MessageEdit {
    type Output = ();
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn size_bytes(&self) -> usize {
        size_of_val(self) + self.text.len() + size_of_val(self.mentions.as_slice())
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async move {
            let (created, sight) = visibility::message(connection, &self.caller, self.message).await?;
            sight.present()?;
            check_author(&created, &self.caller)?;
            let current = current_version(connection, &created).await?;
            if current.kind == EventKind::MessageDeleted {
                return Err(ApplyError::Rejected(Error::Forbidden("the message was deleted")));
            }
            let before = MessagePayload::parse(&current.payload).map_err(Error::from)?;
            if before.text.as_deref() == Some(&self.text) {
                return Ok((Vec::new(), ()));
            }
            if versions::count_edits(connection, self.message).await? >= MAX_EDITS {
                let detail = format!("is the text of a message that was edited {MAX_EDITS} times: send another");
                return Err(ApplyError::Rejected(invalid("text", detail)));
            }
            versions::supersede(connection, created.position, locked.next, &self.mentions).await?;
            Ok((vec![self.event(&created, before)], ()))
        })
    }
}

impl MessageEdit {
    fn event(&self, created: &Event, before: MessagePayload<'_>) -> NewEvent {
        let cursor = created.cursor().to_string();
        let payload = MessagePayload {
            sender: actor_names(&self.caller.user),
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
