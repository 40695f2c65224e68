//! Changing a conversation under the log's lock: its title, and the settings of one member.

use crate::domain::auth::caller::Caller;
use crate::domain::change_event::ChangeEvent;
use crate::domain::common::validation::check_line;
use crate::domain::error::Error;
use crate::domain::idempotency::request::fresh_key;
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::ids::ConversationId;
use crate::log::{ApplyError, Change, ChangeFuture, LockedHead, NewEvent, WriteKey};
use crate::store::conversations::ConversationRow;
use crate::store::members::MemberSettings;
use crate::store::{Connection, ConversationKind, EventKind, MemberRole, conversations, members};
use crate::wire::{self, ConversationData, ConversationInEvent, OwnSettings};

/// Changes of a conversation; what is not given stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ConversationPatch {
    /// `Some(None)`: no title.
    pub title: Option<Option<String>>,
    pub archived: Option<bool>,
    pub muted: Option<bool>,
}

impl Domain {
    /// Changes a conversation: for everybody its title, for the caller alone the rest.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], [`Error::DirectFixed`], [`Error::Forbidden`].
    pub async fn update_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
        changes: ConversationPatch,
    ) -> Result<wire::Conversation, Error> {
        if let Some(Some(title)) = &changes.title {
            check_line(title, "title")?;
        }
        visibility::of(&mut *self.connection().await?, caller, id).await?.present()?;
        let keys = [fresh_key(caller.user.id), fresh_key(caller.user.id)];
        self.0.log.change(ConversationUpdate { keys, caller: caller.clone(), id, changes }).await?;
        self.conversation(caller, id).await
    }
}

struct ConversationUpdate {
    /// The key of the first event, and that of a second one, when title and settings change together.
    keys: [WriteKey; 2],
    caller: Caller,
    id: ConversationId,
    changes: ConversationPatch,
}

impl Change for ConversationUpdate {
    type Output = ();
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.keys[0]
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, _: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async move {
            let access = visibility::of(connection, &self.caller, self.id).await?;
            let member = access.present()?.clone();
            let count = members::count(connection, &[self.id]).await?.first().map_or(0, |(_, count)| *count);
            let mut conversation = access.conversation;
            let mut events = Vec::new();
            if let Some(title) = &self.changes.title {
                check_title(&conversation, member.role)?;
                if *title != conversation.title {
                    conversations::set_title(connection, self.id, title.as_deref()).await?;
                    conversation.title.clone_from(title);
                    events.push(self.event(&conversation, count, None, self.keys[0].clone()));
                }
            }
            if let Some(own) = self.change_settings(connection, member.settings).await? {
                let key = self.keys[events.len()].clone();
                events.push(self.event(&conversation, count, Some(own), key));
            }
            Ok((events, ()))
        })
    }
}

/// Checks that a member may give a conversation a title.
fn check_title(conversation: &ConversationRow, role: MemberRole) -> Result<(), Error> {
    if conversation.kind == ConversationKind::Direct {
        return Err(Error::DirectFixed);
    }
    match role {
        MemberRole::Owner | MemberRole::Admin => Ok(()),
        MemberRole::Member => Err(Error::Forbidden("only owners and admins give a title")),
    }
}

impl ConversationUpdate {
    /// Changes the caller's settings; answers them if they differ from before.
    async fn change_settings(
        &self,
        connection: &mut Connection,
        before: MemberSettings,
    ) -> Result<Option<OwnSettings>, ApplyError<Error>> {
        let after = MemberSettings {
            archived: self.changes.archived.unwrap_or(before.archived),
            muted: self.changes.muted.unwrap_or(before.muted),
        };
        if after == before {
            return Ok(None);
        }
        members::set_settings(connection, self.id, self.caller.user.id, after).await?;
        Ok(Some(OwnSettings { archived: after.archived, muted: after.muted }))
    }

    fn event(&self, conversation: &ConversationRow, count: i64, own: Option<OwnSettings>, key: WriteKey) -> NewEvent {
        let only_for = own.map(|_| self.caller.user.id);
        let conversation = ConversationInEvent { own, ..ConversationInEvent::new(conversation, count) };
        ChangeEvent {
            key,
            conversation: self.id,
            kind: EventKind::ConversationUpdated,
            message: None,
            actor: &self.caller.user,
            data: &ConversationData { conversation },
            concerns: Vec::new(),
            only_for,
        }
        .event()
    }
}
