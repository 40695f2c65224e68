//! Members of a conversation: listing, and who may manage them.

use super::joining::{Joined, Joining};
use super::leaving::Leaving;
use super::telling::Told;
use super::{Caller, Domain, Error, cut, idempotency, visibility};
use crate::ids::{ConversationId, Position, UserId};
use crate::log::{ApplyError, ChangeOutcome, NewEvent, WriteKey, read};
use crate::store::conversations::ConversationRow;
use crate::store::members::Membership;
use crate::store::users::UserRow;
use crate::store::{Connection, ConversationKind, EventKind, MemberRole, conversations, members};
use crate::wire::{self, ConversationInEvent, MemberData};
use std::sync::Arc;

/// A part of the members.
#[derive(Clone, Debug)]
pub struct Listed {
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
    ) -> Result<Listed, Error> {
        let mut connection = self.connection().await?;
        visibility::of(&mut connection, caller, conversation).await?.present()?;
        let mut found = members::list(&mut connection, conversation, after, limit as i64 + 1).await?;
        let more = cut(&mut found, limit);
        let next = found.last().filter(|_| more).map(|(membership, user)| (membership.joined_at, user.id));
        let items = found.into_iter().map(|(membership, user)| wire::Member::new(&membership, user));
        Ok(Listed { items: items.collect(), next })
    }

    /// Adds a member, or gives one another role; answers whether the user was added.
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
        let user = super::names::find(&mut connection, caller, named).await?;
        drop(connection);
        let joining = Joining {
            key: idempotency::fresh(caller.user.id),
            conversation,
            caller: caller.user.clone(),
            user: user.clone(),
            role,
            most: self.0.max_members,
        };
        match self.0.log.change(joining).await? {
            ChangeOutcome::Applied(Joined { membership, added }, _) => {
                Ok((wire::Member::new(&membership, user), added))
            }
            // An earlier attempt of this very request went through.
            ChangeOutcome::Replayed(position) => self.put_before(conversation, user, position).await,
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

    /// Removes a member; `me` leaves.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Forbidden`], [`Error::DirectFixed`].
    pub async fn remove_member(&self, caller: &Caller, conversation: ConversationId, named: &str) -> Result<(), Error> {
        let mut connection = self.connection().await?;
        visibility::of(&mut connection, caller, conversation).await?.present()?;
        let user = super::names::find(&mut connection, caller, named).await?;
        drop(connection);
        let key = idempotency::fresh(caller.user.id);
        self.0.log.change(Leaving { key, conversation, caller: caller.user.clone(), user, for_good: false }).await?;
        Ok(())
    }
}

/// A change of members, as it stands under the lock.
pub(super) struct Managed {
    pub conversation: ConversationRow,
    pub caller: Membership,
    /// The present membership of the user that it is about.
    pub member: Option<Membership>,
}

impl Managed {
    /// Reads it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for who is not a member.
    pub async fn read(
        connection: &mut Connection,
        id: ConversationId,
        caller: UserId,
        user: UserId,
    ) -> Result<Self, ApplyError<Error>> {
        let conversation = conversations::by_id(connection, id).await?.ok_or(ApplyError::Rejected(Error::NotFound))?;
        let caller = members::current(connection, id, caller).await?.ok_or(ApplyError::Rejected(Error::NotFound))?;
        let member = members::current(connection, id, user).await?;
        Ok(Self { conversation, caller, member })
    }

    /// Checks that the conversation's members may change.
    ///
    /// # Errors
    /// [`Error::DirectFixed`].
    pub fn check_changes(&self) -> Result<(), ApplyError<Error>> {
        match self.conversation.kind {
            ConversationKind::Group => Ok(()),
            ConversationKind::Direct => Err(ApplyError::Rejected(Error::DirectFixed)),
        }
    }

    /// Checks that the caller may manage members, and owners if it is about one.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn check_right(&self, new_role: Option<MemberRole>) -> Result<(), ApplyError<Error>> {
        let owners = [self.member.as_ref().map(|member| member.role), new_role].contains(&Some(MemberRole::Owner));
        match self.caller.role {
            MemberRole::Owner => Ok(()),
            MemberRole::Admin if !owners => Ok(()),
            MemberRole::Admin => {
                Err(ApplyError::Rejected(Error::Forbidden("only owners make, change and remove owners")))
            }
            MemberRole::Member => Err(ApplyError::Rejected(Error::Forbidden("only owners and admins manage members"))),
        }
    }

    /// How many members there are.
    pub async fn count(&self, connection: &mut Connection) -> Result<i64, diesel::result::Error> {
        let counts = members::count(connection, &[self.conversation.id]).await?;
        Ok(counts.first().map_or(0, |(_, count)| *count))
    }
}

/// One event about one member.
pub(super) struct MemberEvent<'a> {
    pub key: WriteKey,
    pub kind: EventKind,
    pub actor: &'a Arc<UserRow>,
    pub conversation: &'a ConversationRow,
    /// After the event.
    pub members_count: i64,
    pub member: (&'a Membership, &'a UserRow),
}

impl MemberEvent<'_> {
    pub fn event(self) -> NewEvent {
        let (membership, user) = self.member;
        Told {
            key: self.key,
            conversation: self.conversation.id,
            kind: self.kind,
            message: None,
            actor: self.actor,
            data: &MemberData {
                member: wire::Member::new(membership, user.clone()),
                conversation: ConversationInEvent::new(self.conversation, self.members_count),
            },
            concerns: vec![user.id],
            only_for: None,
        }
        .event()
    }
}
