//! Removing a member, or leaving; the last owner hands over.

use crate::domain::conversations::membership_change::{MemberEvent, MembershipChange};
use crate::domain::error::Error;
use crate::domain::idempotency::request::fresh_key;
use crate::ids::ConversationId;
use crate::log::{ApplyError, Change, ChangeFuture, LockedHead, NewEvent, WriteKey};
use crate::store::members::Membership;
use crate::store::users::UserRow;
use crate::store::{Connection, EventKind, MemberRole, conversations, members};
use std::sync::Arc;

/// A user who leaves or is removed.
pub struct MemberRemoval {
    pub key: WriteKey,
    pub conversation: ConversationId,
    pub caller: Arc<UserRow>,
    pub user: UserRow,
    /// The account goes: also from a direct conversation.
    pub for_good: bool,
}

impl Change for MemberRemoval {
    type Output = ();
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async move {
            let managed = MembershipChange::read(connection, self.conversation, self.caller.id, self.user.id).await?;
            if !self.for_good {
                managed.check_changes()?;
            }
            if self.user.id != self.caller.id {
                managed.check_right(None)?;
            }
            let member = managed.member.as_ref().ok_or(ApplyError::Rejected(Error::NotFound))?;
            members::leave(connection, self.conversation, self.user.id, locked.next).await?;
            conversations::clear_direct_key(connection, self.conversation).await?;
            let count = managed.count(connection).await?;
            let mut events =
                vec![self.event(&managed, self.key.clone(), EventKind::MemberLeft, count, (member, &self.user))];
            if member.role == MemberRole::Owner {
                events.extend(self.hand_over(connection, &managed, count).await?);
            }
            Ok((events, ()))
        })
    }
}

impl MemberRemoval {
    /// Makes somebody owner, if nobody is.
    async fn hand_over(
        &self,
        connection: &mut Connection,
        managed: &MembershipChange,
        count: i64,
    ) -> Result<Option<NewEvent>, ApplyError<Error>> {
        if members::count_owners(connection, self.conversation).await? > 0 {
            return Ok(None);
        }
        let Some((heir, user)) = members::successor_of_owner(connection, self.conversation, self.user.id).await? else {
            return Ok(None);
        };
        members::set_role(connection, self.conversation, user.id, MemberRole::Owner).await?;
        let heir = Membership { role: MemberRole::Owner, ..heir };
        let key = fresh_key(self.caller.id);
        Ok(Some(self.event(managed, key, EventKind::MemberUpdated, count, (&heir, &user))))
    }

    fn event(
        &self,
        managed: &MembershipChange,
        key: WriteKey,
        kind: EventKind,
        members_count: i64,
        member: (&Membership, &UserRow),
    ) -> NewEvent {
        let conversation = &managed.conversation;
        MemberEvent { key, kind, actor: &self.caller, conversation, members_count, member }.event()
    }
}
