//! Sessions and tickets.

use super::time::Timestamp;
use super::user::User;
use crate::ids::SessionId;
use serde::Serialize;
use utoipa::ToSchema;

/// A session with its tokens.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Session {
    pub id: SessionId,
    #[schema(example = "phone")]
    pub device: Option<String>,
    /// For `Authorization: Bearer`.
    pub access_token: String,
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Seconds until the access token ends.
    #[schema(example = 900)]
    pub expires_in: u64,
    /// For `POST /v1/sessions/refresh`.
    pub refresh_token: String,
    /// Seconds until the refresh token ends.
    #[schema(example = 2_592_000)]
    pub refresh_expires_in: u64,
}

/// A session as its owner's list shows it: without tokens.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ListedSession {
    pub id: SessionId,
    #[schema(example = "phone")]
    pub device: Option<String>,
    pub created_at: Timestamp,
    /// Last log-in or refresh: of a device in use, no longer ago than an access token lasts.
    pub last_seen_at: Timestamp,
    /// Whether the request came with a token of this session.
    #[schema(example = true)]
    pub current: bool,
}

/// What registering and logging in answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LoggedIn {
    pub user: User,
    pub session: Session,
}

/// A key that opens one stream, once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Ticket {
    /// For `GET /v1/stream?ticket=`.
    pub ticket: String,
    /// Seconds until it ends.
    #[schema(example = 30)]
    pub expires_in: u64,
}
