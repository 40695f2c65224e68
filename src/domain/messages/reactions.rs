//! Reactions: what users put under messages, under the log's lock.

use crate::domain::auth::caller::Caller;
use crate::domain::change_event::ChangeEvent;
use crate::domain::error::{Error, invalid};
use crate::domain::idempotency::request::fresh_key;
use crate::domain::messages::current_version::current_version;
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::ids::MessageId;
use crate::log::{ApplyError, Change, ChangeFuture, Event, LockedHead, NewEvent, WriteKey};
use crate::store::reactions::{self, ReactionKey};
use crate::store::{Connection, EventKind};
use crate::wire::ReactionData;

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
        let (_, sight) = visibility::message(&mut *self.connection().await?, caller, message).await?;
        sight.present()?;
        let key = fresh_key(caller.user.id);
        let reacting = ReactionChange { key, caller: caller.clone(), message, emoji: emoji.to_owned(), add };
        self.0.log.change(reacting).await?;
        Ok(())
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

struct ReactionChange {
    key: WriteKey,
    caller: Caller,
    message: MessageId,
    emoji: String,
    /// Or remove.
    add: bool,
}

impl Change for ReactionChange {
    type Output = ();
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async move {
            let (created, sight) = visibility::message(connection, &self.caller, self.message).await?;
            sight.present()?;
            let changed = match self.add {
                true => self.add(connection, &created, locked).await?,
                false => reactions::remove(connection, self.reaction(), locked.next).await?,
            };
            Ok((changed.then(|| self.event(&created)).into_iter().collect(), ()))
        })
    }
}

impl ReactionChange {
    async fn add(
        &self,
        connection: &mut Connection,
        created: &Event,
        locked: LockedHead,
    ) -> Result<bool, ApplyError<Error>> {
        if current_version(connection, created).await?.kind == EventKind::MessageDeleted {
            return Err(ApplyError::Rejected(Error::Forbidden("the message was deleted")));
        }
        if reactions::exists(connection, self.reaction()).await? {
            return Ok(false);
        }
        if reactions::count_additions(connection, self.reaction()).await? >= MAX_ADDITIONS {
            let detail = format!("was put under the message {MAX_ADDITIONS} times");
            return Err(ApplyError::Rejected(invalid("emoji", detail)));
        }
        let emoji = reactions::emoji(connection, self.message).await?;
        if emoji.len() >= MAX_EMOJI_PER_MESSAGE && !emoji.contains(&self.emoji) {
            let detail = format!("makes more than {MAX_EMOJI_PER_MESSAGE} different ones under the message");
            return Err(ApplyError::Rejected(invalid("emoji", detail)));
        }
        reactions::add(connection, self.reaction(), created.conversation, locked.next).await?;
        Ok(true)
    }

    fn reaction(&self) -> ReactionKey<'_> {
        ReactionKey { message: self.message, emoji: &self.emoji, user: self.caller.user.id }
    }

    fn event(&self, created: &Event) -> NewEvent {
        let user = (*self.caller.user).clone().into();
        ChangeEvent {
            key: self.key.clone(),
            conversation: created.conversation,
            kind: if self.add { EventKind::ReactionAdded } else { EventKind::ReactionRemoved },
            message: Some(self.message),
            actor: &self.caller.user,
            data: &ReactionData { message_id: self.message, emoji: self.emoji.clone(), user },
            concerns: Vec::new(),
            only_for: None,
        }
        .event()
    }
}
