//! Members of conversations.

use super::conversation::ConversationInEvent;
use super::time::Timestamp;
use super::user::User;
use crate::store::MemberRole;
use crate::store::members::Membership;
use serde::Serialize;
use utoipa::ToSchema;

/// A member of a conversation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Member {
    pub user: User,
    pub role: MemberRole,
    /// When the user joined.
    pub since: Timestamp,
}

impl Member {
    /// Joins a membership with its account.
    pub fn new(membership: &Membership, user: crate::store::users::UserRow) -> Self {
        Self { user: user.into(), role: membership.role, since: Timestamp(membership.since) }
    }
}

/// The `data` of events about a member.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MemberData {
    pub member: Member,
    pub conversation: ConversationInEvent,
}
