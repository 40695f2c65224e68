//! What joins, leaves and changes of roles have in common.

use crate::domain::change_event::ChangeEvent;
use crate::domain::error::Error;
use crate::ids::{ConversationId, UserId};
use crate::log::{ApplyError, NewEvent, WriteKey};
use crate::store::conversations::ConversationRow;
use crate::store::members::Membership;
use crate::store::users::UserRow;
use crate::store::{Connection, ConversationKind, EventKind, MemberRole, conversations, members};
use crate::wire::{self, ConversationInEvent, MemberData};
use std::sync::Arc;

/// A change of members, as it stands under the lock.
pub struct MembershipChange {
    pub conversation: ConversationRow,
    pub caller: Membership,
    /// The present membership of the user that it is about.
    pub member: Option<Membership>,
}

impl MembershipChange {
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
pub struct MemberEvent<'a> {
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
        ChangeEvent {
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
