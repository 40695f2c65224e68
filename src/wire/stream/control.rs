//! The objects of a stream that are no events: its beginning, its end, and the notice that a cursor cannot be resumed from.

use crate::ids::ConnectionId;
use serde::Serialize;
use utoipa::ToSchema;

/// The first object of a stream.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Ready {
    /// `ready`
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where the stream starts.
    pub cursor: String,
    /// Seconds of silence after which a heartbeat comes.
    #[schema(example = 15)]
    pub heartbeat: u64,
    pub connection_id: ConnectionId,
}

/// Tells that a cursor cannot be resumed from: fetch state anew; the stream goes on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Reset {
    /// `reset`
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub code: ResetCode,
    /// Where the stream goes on.
    pub cursor: String,
}

/// Why a cursor cannot be resumed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResetCode {
    CursorUnknown,
    CursorExpired,
}

/// The last object of a stream that the server ends.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct End {
    /// `end`
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub code: EndCode,
    /// How far the stream has covered: resume from here.
    pub cursor: String,
    /// Seconds to wait before reconnecting.
    pub retry_after: u64,
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndCode {
    TokenExpiring,
    Revoked,
    Draining,
    Slow,
    Replaced,
    Rotate,
    Unavailable,
}
