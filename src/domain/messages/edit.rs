//! Editing messages. The rules that need the log's lock are in the SQL function `change_text`.

use crate::domain::auth::caller::Caller;
use crate::domain::change_event::actor_names;
use crate::domain::error::{Error, invalid};
use crate::domain::idempotency::request::fresh_key;
use crate::domain::messages::text::check_text;
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::ids::{MessageId, UserId};
use crate::log::{Event, EventPayload, FunctionChange, FunctionRejection};
use crate::wire::{self, First, MessagePayload};
use serde_json::json;

/// Edits of one message, all of whose texts are kept and read together.
const MAX_EDITS: i64 = 200;

impl Domain {
    /// Gives a message of the caller's another text.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], [`Error::Forbidden`].
    pub async fn edit_message(&self, caller: &Caller, id: MessageId, text: String) -> Result<wire::Message, Error> {
        check_text(&text)?;
        let (created, access) = visibility::message(&mut *self.connection().await?, caller, id).await?;
        access.present()?;
        check_author(&created, caller)?;
        let mentions = self.mentions(&text).await?;
        let change = FunctionChange::new(
            fresh_key(caller.user.id),
            "change_text",
            &json!({
                "conversation": created.conversation,
                "message": id,
                "created": created.position.0,
                "text": text,
                "mentions": mentions,
                "max_edits": MAX_EDITS,
            }),
            vec![edited_payload(caller, &created, &text, mentions)?],
        );
        self.0.log.change_by_function(change).await.map_err(|error| error.map(error_of))?;
        self.message(caller, id).await
    }
}

/// What a rejection of `change_text` means.
fn error_of(rejection: FunctionRejection) -> Error {
    match rejection.reason.as_str() {
        "deleted" => Error::Forbidden("the message was deleted"),
        "too_many_edits" => {
            invalid("text", format!("is the text of a message that was edited {MAX_EDITS} times: send another"))
        }
        _ => rejection.into(),
    }
}

fn check_author(created: &Event, caller: &Caller) -> Result<(), Error> {
    if created.sender == caller.user.id { Ok(()) } else { Err(Error::Forbidden("only its author edits a message")) }
}

/// The payload of the edit: the message as it was sent, with another text. All else that a message has stays what it was,
/// so it does not matter which of its versions came before.
fn edited_payload(caller: &Caller, created: &Event, text: &str, mentions: Vec<UserId>) -> Result<EventPayload, Error> {
    let cursor = created.cursor().to_string();
    let payload = MessagePayload {
        sender: actor_names(&caller.user),
        text: Some(text.into()),
        mentions,
        first: Some(First { cursor: cursor.into(), created_at: created.created_at }),
        ..MessagePayload::parse(&created.payload)?
    };
    Ok(payload.to_payload())
}
