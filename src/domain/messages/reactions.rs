//! Reactions: what users put under messages. The rules that need the log's lock are in the SQL function `change_reaction`.

use crate::domain::auth::caller::Caller;
use crate::domain::change_event::change_payload;
use crate::domain::error::{Error, invalid};
use crate::domain::idempotency::request::fresh_key;
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::ids::MessageId;
use crate::log::{FunctionChange, FunctionRejection};
use crate::wire::ReactionData;
use serde_json::json;

/// Unicode scalar values of a reaction: the longest emoji, families and flags of regions, have 14.
const MAX_EMOJI_SCALARS: usize = 16;
/// How often one user can put one emoji under one message: each time is kept, for those who saw it come and go.
const MAX_ADDITIONS: i64 = 100;
/// Different emoji under one message: what fits under it on a screen.
const MAX_EMOJI_PER_MESSAGE: usize = 50;

impl Domain {
    /// Puts an emoji of the caller's under a message. It is there once.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], [`Error::Forbidden`].
    pub async fn react(&self, caller: &Caller, message: MessageId, emoji: &str) -> Result<(), Error> {
        check_emoji(emoji)?;
        self.change_reaction(caller, message, emoji, true).await
    }

    /// Takes an emoji of the caller's away. One that is not there stays away.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn unreact(&self, caller: &Caller, message: MessageId, emoji: &str) -> Result<(), Error> {
        self.change_reaction(caller, message, emoji, false).await
    }

    async fn change_reaction(&self, caller: &Caller, message: MessageId, emoji: &str, add: bool) -> Result<(), Error> {
        let (created, access) = visibility::message(&mut *self.connection().await?, caller, message).await?;
        access.present()?;
        let user = (*caller.user).clone().into();
        let data = ReactionData { message_id: message, emoji: emoji.to_owned(), user };
        let change = FunctionChange::new(
            fresh_key(caller.user.id),
            "change_reaction",
            &json!({
                "conversation": created.conversation,
                "message": message,
                "created": created.position.0,
                "emoji": emoji,
                "add": add,
                "max_additions": MAX_ADDITIONS,
                "max_emoji": MAX_EMOJI_PER_MESSAGE,
            }),
            vec![change_payload(&caller.user, &data, Vec::new())],
        );
        self.0.log.change_by_function(change).await.map_err(|error| error.map(error_of))?;
        Ok(())
    }
}

/// What a rejection of `change_reaction` means.
fn error_of(rejection: FunctionRejection) -> Error {
    match rejection.reason.as_str() {
        "deleted" => Error::Forbidden("the message was deleted"),
        "too_many_additions" => invalid("emoji", format!("was put under the message {MAX_ADDITIONS} times")),
        "too_many_emoji" => {
            invalid("emoji", format!("makes more than {MAX_EMOJI_PER_MESSAGE} different ones under the message"))
        }
        _ => rejection.into(),
    }
}

/// Checks that a text can be one emoji: any short sign that is not of ASCII alone.
fn check_emoji(text: &str) -> Result<(), Error> {
    let count = text.chars().count();
    if count > MAX_EMOJI_SCALARS {
        return Err(invalid("emoji", format!("has {count} characters, at most {MAX_EMOJI_SCALARS} are taken")));
    }
    if text.is_ascii() || text.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(invalid("emoji", "is no emoji"));
    }
    Ok(())
}
