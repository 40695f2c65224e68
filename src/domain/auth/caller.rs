//! Who made a request.

use crate::ids::SessionId;
use crate::store::Time;
use crate::store::users::UserRow;
use std::sync::Arc;

/// Who made a request.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: Arc<UserRow>,
    /// `None` for tokens of apps and operators, which belong to no session.
    pub session: Option<SessionId>,
    /// When the token expires.
    pub expires_at: Time,
}
