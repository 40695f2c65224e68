//! Removing a member, or leaving. When the last owner leaves, another member becomes owner. The rules that need the log's lock are in the SQL function
//! `change_leave`.

use crate::domain::conversations::membership_change::{self, MAX_STALE_ATTEMPTS, is_stale, member_payload};
use crate::domain::error::Error;
use crate::domain::service::Domain;
use crate::ids::ConversationId;
use crate::log::{ChangeError, FunctionChange, WriteKey};
use crate::store::users::UserRow;
use crate::store::{Connection, MemberRole, conversations, members};
use serde_json::json;
use std::sync::Arc;

/// A user who leaves or is removed.
pub struct MemberRemoval {
    pub key: WriteKey,
    pub conversation: ConversationId,
    pub caller: Arc<UserRow>,
    pub user: UserRow,
    /// Whether the account is being deleted, which ends memberships of direct conversations too.
    pub for_good: bool,
}

impl Domain {
    /// Ends a membership.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Forbidden`], [`Error::DirectFixed`].
    pub(crate) async fn end_membership(&self, removal: &MemberRemoval) -> Result<(), Error> {
        for _ in 0..MAX_STALE_ATTEMPTS {
            let change = removal.change(&mut *self.connection().await?).await?;
            match self.0.log.change_by_function(change).await {
                Err(ChangeError::Rejected(rejection)) if is_stale(&rejection) => {}
                made => {
                    made.map_err(|error| error.map(membership_change::error_of))?;
                    return Ok(());
                }
            }
        }
        Err(Error::Busy)
    }
}

impl MemberRemoval {
    async fn change(&self, connection: &mut Connection) -> Result<FunctionChange, Error> {
        let found = conversations::by_id(connection, self.conversation).await?.ok_or(Error::NotFound)?;
        let member = members::current(connection, self.conversation, self.user.id).await?;
        let role = member.map(|member| member.role);
        let successor = match role {
            Some(MemberRole::Owner) => self.successor(connection).await?,
            _ => None,
        };
        // Of a user who is not a member there are no payloads. The function then answers the rejection.
        let mut payloads = vec![member_payload(&self.caller, &found, &self.user, role.unwrap_or(MemberRole::Member))];
        payloads.extend(successor.iter().map(|user| member_payload(&self.caller, &found, user, MemberRole::Owner)));
        Ok(FunctionChange::new(
            self.key.clone(),
            "change_leave",
            &json!({
                "conversation": self.conversation,
                "user": self.user.id,
                "for_good": self.for_good,
                "role": role,
                "successor": successor.as_ref().map(|user| user.id),
                "title": found.title,
            }),
            payloads,
        ))
    }

    /// The member who becomes owner when the last owner leaves.
    async fn successor(&self, connection: &mut Connection) -> Result<Option<UserRow>, Error> {
        if members::count_owners(connection, self.conversation).await? > 1 {
            return Ok(None);
        }
        let found = members::successor_of_owner(connection, self.conversation, self.user.id).await?;
        Ok(found.map(|(_, user)| user))
    }
}
