//! Who made a request.

use crate::ids::SessionId;
use crate::store::Time;
use crate::store::users::UserRow;
use std::sync::Arc;

/// Who made a request.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: Arc<UserRow>,
    /// None for tokens that no session stands behind.
    pub session: Option<SessionId>,
    /// When the token ends.
    pub expires_at: Time,
}
