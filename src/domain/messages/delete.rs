//! Deleting messages. The rules that need the log's lock are in the SQL functions `change_deletion` and `delete_message`.

use crate::domain::auth::caller::Caller;
use crate::domain::change_event::{ChangeEvent, TIME_OF_CHANGE, change_payload};
use crate::domain::error::Error;
use crate::domain::idempotency::request::fresh_key;
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::ids::MessageId;
use crate::log::{ApplyError, Event, FunctionChange, FunctionRejection, LockedHead, NewEvent, WriteKey, versions};
use crate::store::users::UserRow;
use crate::store::{Connection, EventKind};
use crate::wire::{Message, MessageData};
use serde_json::json;

impl Domain {
    /// Deletes a message; its text is gone before this answers. One that was deleted before stays so.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Forbidden`].
    pub async fn delete_message(&self, caller: &Caller, id: MessageId) -> Result<(), Error> {
        let (created, access) = visibility::message(&mut *self.connection().await?, caller, id).await?;
        access.present()?;
        let left = Message::from_deleted(&created, TIME_OF_CHANGE)?;
        let change = FunctionChange::new(
            fresh_key(caller.user.id),
            "change_deletion",
            &json!({
                "conversation": created.conversation,
                "message": id,
                "created": created.position.0,
            }),
            vec![change_payload(&caller.user, &MessageData { message: left }, Vec::new())],
        );
        self.0.log.change_by_function(change).await.map_err(|error| error.map(error_of))?;
        Ok(())
    }
}

/// What a rejection of `change_deletion` means.
fn error_of(rejection: FunctionRejection) -> Error {
    match rejection.reason.as_str() {
        "forbidden" => Error::Forbidden("only its author, admins and owners delete a message"),
        _ => rejection.into(),
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
