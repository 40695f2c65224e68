//! Users.

use super::time::Timestamp;
use crate::ids::UserId;
use crate::store::{UserRole, users};
use serde::Serialize;
use utoipa::ToSchema;

/// A user, as everybody sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct User {
    pub id: UserId,
    #[schema(example = "anna")]
    pub name: String,
    #[schema(example = "Anna")]
    pub display_name: String,
    pub role: UserRole,
    pub created_at: Timestamp,
}

impl From<users::UserRow> for User {
    fn from(user: users::UserRow) -> Self {
        Self {
            id: user.id,
            name: user.name,
            display_name: user.display_name,
            role: user.role,
            created_at: Timestamp(user.created_at),
        }
    }
}
