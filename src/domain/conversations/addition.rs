//! Adding a member, or giving one another role.

use crate::domain::conversations::membership_change::{MemberEvent, MembershipChange};
use crate::domain::error::{Error, invalid};
use crate::ids::ConversationId;
use crate::log::{ApplyError, Change, ChangeFuture, LockedHead, NewEvent, WriteKey};
use crate::store::members::{MemberSettings, Membership};
use crate::store::users::UserRow;
use crate::store::{Connection, EventKind, MemberRole, conversations, members, users};
use std::sync::Arc;

/// A user who joins or changes their role.
pub struct MemberAddition {
    pub key: WriteKey,
    pub conversation: ConversationId,
    pub caller: Arc<UserRow>,
    pub user: UserRow,
    /// What the user becomes; none: stays, or a plain member.
    pub role: Option<MemberRole>,
    /// Members that a conversation may have.
    pub most: usize,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct AddedMember {
    pub membership: Membership,
    pub added: bool,
}

impl Change for MemberAddition {
    type Output = AddedMember;
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: LockedHead) -> ChangeFuture<'a, AddedMember, Error> {
        Box::pin(async move {
            let managed = MembershipChange::read(connection, self.conversation, self.caller.id, self.user.id).await?;
            managed.check_changes()?;
            managed.check_right(self.role)?;
            match (&managed.member, self.role) {
                (None, role) => self.add(connection, locked, &managed, role.unwrap_or(MemberRole::Member)).await,
                (Some(member), Some(role)) if role != member.role => {
                    self.change(connection, &managed, member, role).await
                }
                (Some(member), _) => Ok((Vec::new(), AddedMember { membership: member.clone(), added: false })),
            }
        })
    }
}

type AdditionResult = Result<(Vec<NewEvent>, AddedMember), ApplyError<Error>>;

impl MemberAddition {
    async fn add(
        &self,
        connection: &mut Connection,
        locked: LockedHead,
        managed: &MembershipChange,
        role: MemberRole,
    ) -> AdditionResult {
        // Read under the lock: an account that was closed before gets no new membership.
        let user = users::by_id(connection, self.user.id).await.map_err(Error::from)?;
        if user.is_none_or(|user| user.disabled_at.is_some()) {
            return Err(ApplyError::Rejected(Error::NotFound));
        }
        let count = managed.count(connection).await? + 1;
        if count > self.most as i64 {
            let detail = format!("makes {count} members, at most {} are taken", self.most);
            return Err(ApplyError::Rejected(invalid("user", detail)));
        }
        let joining = members::NewMember { user: self.user.id, role };
        members::join(connection, self.conversation, &[joining], locked.next, locked.now).await?;
        conversations::clear_direct_key(connection, self.conversation).await?;
        let membership = Membership {
            user_id: self.user.id,
            role,
            joined_at: locked.next,
            left_at: None,
            since: locked.now,
            settings: MemberSettings::default(),
        };
        let event = self.event(managed, EventKind::MemberJoined, count, &membership);
        Ok((vec![event], AddedMember { membership, added: true }))
    }

    async fn change(
        &self,
        connection: &mut Connection,
        managed: &MembershipChange,
        member: &Membership,
        role: MemberRole,
    ) -> AdditionResult {
        let last = member.role == MemberRole::Owner && members::count_owners(connection, self.conversation).await? == 1;
        if last {
            return Err(ApplyError::Rejected(Error::Forbidden(
                "a conversation keeps an owner, make another one first",
            )));
        }
        members::set_role(connection, self.conversation, self.user.id, role).await?;
        let membership = Membership { role, ..member.clone() };
        let count = managed.count(connection).await?;
        let event = self.event(managed, EventKind::MemberUpdated, count, &membership);
        Ok((vec![event], AddedMember { membership, added: false }))
    }

    fn event(
        &self,
        managed: &MembershipChange,
        kind: EventKind,
        members_count: i64,
        membership: &Membership,
    ) -> NewEvent {
        MemberEvent {
            key: self.key.clone(),
            kind,
            actor: &self.caller,
            conversation: &managed.conversation,
            members_count,
            member: (membership, &self.user),
        }
        .event()
    }
}
