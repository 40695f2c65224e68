//! Adding a member, or changing a member's role. The rules that need the log's lock are in the SQL function `change_member`.

use crate::domain::conversations::membership_change::{self, MAX_STALE_ATTEMPTS, is_stale, member_payload};
use crate::domain::error::{Error, invalid};
use crate::domain::service::Domain;
use crate::ids::ConversationId;
use crate::log::{ChangeError, ChangeOutcome, FunctionChange, FunctionRejection, WriteKey};
use crate::store::users::UserRow;
use crate::store::{MemberRole, Time, conversations};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// A user who joins or changes their role.
pub struct MemberAddition {
    pub key: WriteKey,
    pub conversation: ConversationId,
    pub caller: Arc<UserRow>,
    pub user: UserRow,
    /// The role that the user gets. `None`: a member keeps the present role, a new member becomes a plain member.
    pub role: Option<MemberRole>,
}

/// A member's present role, and when the membership began.
#[derive(Debug, Deserialize)]
pub struct MemberState {
    pub role: MemberRole,
    pub since: Time,
}

impl Domain {
    /// Adds a member, or changes a member's role.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Forbidden`], [`Error::DirectFixed`], [`Error::Invalid`].
    pub(crate) async fn add_member(&self, addition: &MemberAddition) -> Result<ChangeOutcome<Value>, Error> {
        for _ in 0..MAX_STALE_ATTEMPTS {
            let change = self.addition_change(addition).await?;
            match self.0.log.change_by_function(change).await {
                Err(ChangeError::Rejected(rejection)) if is_stale(&rejection) => {}
                made => return Ok(made.map_err(|error| error.map(|rejection| self.addition_error(rejection)))?),
            }
        }
        Err(Error::Busy)
    }

    async fn addition_change(&self, addition: &MemberAddition) -> Result<FunctionChange, Error> {
        let MemberAddition { key, conversation, caller, user, role } = addition;
        let found = conversations::by_id(&mut *self.connection().await?, *conversation).await?;
        let found = found.ok_or(Error::NotFound)?;
        Ok(FunctionChange::new(
            key.clone(),
            "change_member",
            &json!({
                "conversation": conversation,
                "user": user.id,
                "role": role,
                "title": found.title,
                "max_members": self.0.max_members,
            }),
            vec![member_payload(caller, &found, user, role.unwrap_or(MemberRole::Member))],
        ))
    }

    fn addition_error(&self, rejection: FunctionRejection) -> Error {
        if rejection.reason != "too_many_members" {
            return membership_change::error_of(rejection);
        }
        let (count, most) = (rejection.detail, self.0.max_members);
        invalid("user", format!("makes {count} members, at most {most} are taken"))
    }
}
