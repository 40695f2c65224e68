//! Members of a conversation: listing, and who may manage them.

use crate::domain::accounts::user_names;
use crate::domain::auth::caller::Caller;
use crate::domain::common::pagination::truncate_to_page;
use crate::domain::conversations::addition::{MemberAddition, MemberState};
use crate::domain::conversations::removal::MemberRemoval;
use crate::domain::error::Error;
use crate::domain::idempotency::request::fresh_key;
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::ids::{ConversationId, Position, UserId};
use crate::log::{ChangeOutcome, read};
use crate::store::users::UserRow;
use crate::store::{EventKind, MemberRole, members};
use crate::wire::{self, ShapeError, Timestamp};

/// A part of the members.
#[derive(Clone, Debug)]
pub struct MemberPage {
    pub items: Vec<wire::Member>,
    pub next: Option<(Position, UserId)>,
}

impl Domain {
    /// Present members in order of joining, after one of them.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for former members.
    pub async fn list_members(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        after: Option<(Position, UserId)>,
        limit: usize,
    ) -> Result<MemberPage, Error> {
        let mut connection = self.connection().await?;
        visibility::of(&mut connection, caller, conversation).await?.present()?;
        let mut found = members::list(&mut connection, conversation, after, limit as i64 + 1).await?;
        let more = truncate_to_page(&mut found, limit);
        let next = found.last().filter(|_| more).map(|(membership, user)| (membership.joined_at, user.id));
        let items = found.into_iter().map(|(membership, user)| wire::Member::new(&membership, user));
        Ok(MemberPage { items: items.collect(), next })
    }

    /// Adds a member, or changes a member's role; answers whether the user was added.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Forbidden`], [`Error::DirectFixed`], [`Error::Invalid`].
    pub async fn put_member(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        named: &str,
        role: Option<MemberRole>,
    ) -> Result<(wire::Member, bool), Error> {
        let mut connection = self.connection().await?;
        visibility::of(&mut connection, caller, conversation).await?.present()?;
        let user = user_names::find(&mut connection, caller, named).await?;
        drop(connection);
        let key = fresh_key(caller.user.id);
        let addition = MemberAddition { key, conversation, caller: caller.user.clone(), user, role };
        match self.add_member(&addition).await? {
            ChangeOutcome::Applied(state, events) => {
                let MemberState { role, since } = serde_json::from_value(state).map_err(ShapeError::from)?;
                let added = events.first().is_some_and(|event| event.kind == EventKind::MemberJoined);
                Ok((wire::Member { user: addition.user.into(), role, since: Timestamp(since) }, added))
            }
            // An earlier attempt of this request was committed.
            ChangeOutcome::Replayed(position) => self.put_before(conversation, addition.user, position).await,
        }
    }

    async fn put_before(
        &self,
        conversation: ConversationId,
        user: UserRow,
        position: Position,
    ) -> Result<(wire::Member, bool), Error> {
        let mut connection = self.connection().await?;
        let events = read::events_at(&mut connection, &[position]).await?;
        let added = events.first().is_some_and(|event| event.kind == EventKind::MemberJoined);
        let membership = members::of_user(&mut connection, conversation, user.id).await?.pop();
        Ok((wire::Member::new(&membership.ok_or(Error::NotFound)?, user), added))
    }

    /// Removes a member. With `me`, the caller leaves.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Forbidden`], [`Error::DirectFixed`].
    pub async fn remove_member(&self, caller: &Caller, conversation: ConversationId, named: &str) -> Result<(), Error> {
        let mut connection = self.connection().await?;
        visibility::of(&mut connection, caller, conversation).await?.present()?;
        let user = user_names::find(&mut connection, caller, named).await?;
        drop(connection);
        let (key, caller) = (fresh_key(caller.user.id), caller.user.clone());
        self.end_membership(&MemberRemoval { key, conversation, caller, user, for_good: false }).await
    }
}
