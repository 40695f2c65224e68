//! Deleting a conversation: memberships end at once, and then texts and attachments are erased, a batch at a time.

use crate::domain::auth::caller::Caller;
use crate::domain::change_event::ChangeEvent;
use crate::domain::error::Error;
use crate::domain::idempotency::request::fresh_key;
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::domain::service::run_to_completion;
use crate::ids::{ConversationId, Position, UserId};
use crate::log::{ApplyError, Change, ChangeFuture, ChangeOutcome, LockedHead, WriteKey, versions};
use crate::store::{Connection, ConversationKind, EventKind, MemberRole, attachments, conversations, members, search};
use crate::wire::{ConversationData, ConversationInEvent};
use std::time::Duration;

/// Texts that are blanked, and attachments that are released, in one change: the log's lock is held meanwhile.
const BLANKING_BATCH: i64 = 500;
/// How often a node looks for deleted conversations whose texts a node that died has not blanked.
const BLANKING_POLL_INTERVAL: Duration = Duration::from_secs(60);

impl Domain {
    /// Deletes a conversation. It answers when the last text is gone.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::DirectFixed`], [`Error::Forbidden`].
    ///
    /// # Cancel safety
    /// What was begun is finished.
    pub async fn delete_conversation(&self, caller: &Caller, id: ConversationId) -> Result<(), Error> {
        visibility::of(&mut *self.connection().await?, caller, id).await?.present()?;
        let key = fresh_key(caller.user.id);
        self.0.log.change(ConversationDeletion { key, caller: caller.clone(), id }).await?;
        let domain = self.clone();
        run_to_completion(async move { domain.blank_conversation(id).await }).await
    }

    /// Blanks the texts that nodes that died have not blanked, until it is dropped.
    pub async fn blank_deleted_conversations(&self) {
        loop {
            if let Err(error) = self.blank_all().await {
                tracing::warn!(%error, "cannot blank deleted conversations");
            }
            tokio::time::sleep(BLANKING_POLL_INTERVAL.mul_f64(0.5 + fastrand::f64())).await;
        }
    }

    async fn blank_all(&self) -> Result<(), Error> {
        let found = conversations::to_blank(&mut *self.connection().await?).await?;
        for id in found {
            // An error of one conversation must not keep the others from being blanked.
            if let Err(error) = self.blank_conversation(id).await {
                tracing::warn!(%error, %id, "cannot blank a deleted conversation");
            }
        }
        Ok(())
    }

    async fn blank_conversation(&self, id: ConversationId) -> Result<(), Error> {
        let mut after = Position::ZERO;
        loop {
            // No event is appended under this key, so it needs no owner.
            let key = fresh_key(UserId(id.0));
            match self.0.log.change(ConversationBlanking { key, id, after }).await? {
                ChangeOutcome::Applied(Some(reached), _) => after = reached,
                ChangeOutcome::Applied(None, _) => return Ok(()),
                // An attempt whose outcome was unknown has done this batch: the next one goes on.
                ChangeOutcome::Replayed(_) => {}
            }
        }
    }
}

struct ConversationDeletion {
    key: WriteKey,
    caller: Caller,
    id: ConversationId,
}

impl Change for ConversationDeletion {
    type Output = ();
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async move {
            let access = visibility::of(connection, &self.caller, self.id).await?;
            let role = access.present()?.role;
            if access.conversation.kind == ConversationKind::Direct {
                return Err(ApplyError::Rejected(Error::DirectFixed));
            }
            if role != MemberRole::Owner {
                return Err(ApplyError::Rejected(Error::Forbidden("only owners delete a conversation")));
            }
            members::leave_all(connection, self.id, locked.next).await?;
            conversations::delete(connection, self.id, locked.now).await?;
            let event = ChangeEvent {
                key: self.key.clone(),
                conversation: self.id,
                kind: EventKind::ConversationDeleted,
                message: None,
                actor: &self.caller.user,
                data: &ConversationData { conversation: ConversationInEvent::new(&access.conversation, 0) },
                concerns: Vec::new(),
                only_for: None,
            };
            Ok((vec![event.event()], ()))
        })
    }
}

/// Blanks a batch of a deleted conversation's texts and releases a batch of its attachments; answers how far it came.
struct ConversationBlanking {
    key: WriteKey,
    id: ConversationId,
    after: Position,
}

impl Change for ConversationBlanking {
    type Output = Option<Position>;
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, _: LockedHead) -> ChangeFuture<'a, Option<Position>, Error> {
        Box::pin(async move {
            let blanked = versions::blank(connection, self.id, self.after, BLANKING_BATCH).await?;
            search::delete_blanked_versions(connection, &blanked).await?;
            let reached = blanked.into_iter().max();
            let released = attachments::release_part(connection, self.id, BLANKING_BATCH).await?;
            if reached.is_none() && released == 0 {
                conversations::set_blanked(connection, self.id).await?;
                return Ok((Vec::new(), None));
            }
            Ok((Vec::new(), Some(reached.unwrap_or(self.after))))
        })
    }
}
