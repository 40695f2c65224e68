use crate::ids::{Epoch, Position};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

/// Says that a client has everything up to a position: opaque to clients, made of epoch and position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    pub epoch: Epoch,
    pub position: Position,
}

/// Version of the encoding. A log of several shards would be another.
const VERSION: &str = "1";

impl Cursor {
    /// Reads a cursor; `None` when no server of this kind wrote it.
    pub fn parse(text: &str) -> Option<Self> {
        // Two numbers of 64 bits take fewer bytes than this.
        if text.len() > 64 {
            return None;
        }
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = plain.split('.');
        let (version, epoch, position) = (parts.next()?, parts.next()?, parts.next()?);
        let cursor = Self { epoch: Epoch(epoch.parse().ok()?), position: Position(position.parse().ok()?) };
        let canonical = version == VERSION && parts.next().is_none() && cursor.to_string() == text;
        (canonical && cursor.position >= Position::ZERO).then_some(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{VERSION}.{}.{}", self.epoch.0, self.position.0)))
    }
}

#[cfg(test)]
#[path = "tests/cursor.rs"]
mod tests;
