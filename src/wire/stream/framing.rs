//! Framing: how the objects of a stream are told apart, and how their bytes are put into chunks.

use super::control::{Reset, ResetCode};
use crate::log::Cursor;
use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use std::ops::Range;

/// The framing of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-Sent Events.
    Sse = 0,
    /// One object a line.
    Ndjson = 1,
}

/// A framed object as one chunk of an HTTP/1.1 body, so that it can be written to a parked socket as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    chunk: Bytes,
    /// Where the frame begins within the chunk.
    begin: usize,
}

/// What ends a chunked body.
pub const LAST_CHUNK: Bytes = Bytes::from_static(b"0\r\n\r\n");
const LINE_END: &[u8] = b"\r\n";

impl Frame {
    /// Joins the parts into one chunk.
    fn of(parts: &[&[u8]]) -> Self {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let size = format!("{length:x}\r\n");
        let mut chunk = BytesMut::with_capacity(size.len() + length + LINE_END.len());
        chunk.put_slice(size.as_bytes());
        parts.iter().for_each(|part| chunk.put_slice(part));
        chunk.put_slice(LINE_END);
        Self { chunk: chunk.freeze(), begin: size.len() }
    }

    /// The chunk.
    pub fn chunk(&self) -> &Bytes {
        &self.chunk
    }

    /// The frame without the chunk around it.
    pub fn plain(&self) -> Bytes {
        self.chunk.slice(self.begin..self.chunk.len() - LINE_END.len())
    }

    /// The bytes to write, depending on who makes the chunks.
    pub fn bytes(&self, chunks: Chunks) -> Bytes {
        match chunks {
            Chunks::Ours => self.chunk.clone(),
            Chunks::Others => self.plain(),
        }
    }
}

/// Who makes the chunks of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunks {
    /// The writer itself: the connection was handed over to it.
    Ours,
    /// The HTTP server, for an ordinary answer.
    Others,
}

impl Framing {
    /// Frames an object; also answers where it stands in the chunk. `json` has no line break, and `id` and `name` are
    /// not of users, so that no text of a user can end a line.
    pub fn frame(self, id: &str, name: &str, json: &[u8]) -> (Frame, Range<usize>) {
        let (frame, tail) = match self {
            Self::Sse => {
                let parts = ["id: ", id, "\nevent: ", name, "\ndata: "].map(str::as_bytes);
                let [a, b, c, d, e] = parts;
                (Frame::of(&[a, b, c, d, e, json, b"\n\n"]), 2)
            }
            Self::Ndjson => (Frame::of(&[json, b"\n"]), 1),
        };
        let end = frame.chunk.len() - LINE_END.len() - tail;
        (frame, end - json.len()..end)
    }

    /// Frames an object that moves no cursor, as [`Self::frame`] does but without an id.
    pub fn live(self, name: &str, json: &[u8]) -> Frame {
        match self {
            Self::Sse => Frame::of(&[b"event: ", name.as_bytes(), b"\ndata: ", json, b"\n\n"]),
            Self::Ndjson => Frame::of(&[json, b"\n"]),
        }
    }

    /// What a stream begins with: after how long its client comes back if it is lost, jittered, so that those who lost
    /// a node do not all come at once.
    pub fn retry(self) -> Option<Frame> {
        let line = || format!("retry: {}\n", fastrand::u32(1_000..3_000));
        (self == Self::Sse).then(|| Frame::of(&[line().as_bytes()]))
    }

    /// A heartbeat.
    pub fn heartbeat(self) -> Frame {
        Frame::of(&[match self {
            Self::Sse => b":\n",
            Self::Ndjson => b"\n",
        }])
    }

    /// Frames one of the control objects.
    pub fn control<T: Serialize>(self, name: &str, cursor: &str, object: &T) -> Frame {
        // Strings, numbers and an optional code: nothing that could fail.
        let json = serde_json::to_vec(object).unwrap_or_default();
        self.frame(cursor, name, &json).0
    }

    /// Frames the object that tells that a cursor cannot be resumed from, and that the stream goes on from this one.
    pub fn reset(self, code: ResetCode, cursor: Cursor) -> Frame {
        let cursor = cursor.to_string();
        self.control("reset", &cursor, &Reset { kind: "reset", code, cursor: cursor.clone() })
    }
}
