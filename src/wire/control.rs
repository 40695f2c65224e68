use crate::ids::ConnectionId;
use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use utoipa::ToSchema;

/// How a stream's objects are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-Sent Events.
    Sse = 0,
    /// One object a line.
    Ndjson = 1,
}

impl Framing {
    /// Frames an object. `json` holds no line break, and `id` and `name` are ours: no text of a user's can end a line.
    pub fn frame(self, id: &str, name: &str, json: &[u8]) -> Bytes {
        let mut frame = BytesMut::with_capacity(json.len() + id.len() + name.len() + 32);
        if self == Self::Sse {
            for part in ["id: ", id, "\nevent: ", name, "\ndata: "] {
                frame.put_slice(part.as_bytes());
            }
        }
        frame.put_slice(json);
        frame.put_slice(if self == Self::Sse { b"\n\n" } else { b"\n" });
        frame.freeze()
    }

    /// What breaks a silence.
    pub fn heartbeat(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Sse => b":\n",
            Self::Ndjson => b"\n",
        })
    }

    /// Frames one of the control objects.
    pub fn control<T: Serialize>(self, name: &str, cursor: &str, object: &T) -> Bytes {
        // Strings, numbers and an optional code: nothing that could fail.
        let json = serde_json::to_vec(object).unwrap_or_default();
        self.frame(cursor, name, &json)
    }
}

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

/// Tells that a cursor is worth nothing here: fetch state anew; the stream goes on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Reset {
    /// `reset`
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub code: ResetCode,
    /// Where the stream goes on.
    pub cursor: String,
}

/// Why a cursor is worth nothing.
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
