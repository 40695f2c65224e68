use crate::domain::{CursorTarget, Error};
use crate::log::Cursor;

/// Reads where a stored cursor or a webhook is to be set: a cursor, `now` or `start`.
///
/// # Errors
/// 400 for what is none of them.
pub fn cursor_target(text: &str) -> Result<CursorTarget, Error> {
    match text {
        "now" => Ok(CursorTarget::Now),
        "start" => Ok(CursorTarget::Start),
        text => Cursor::parse(text).map(CursorTarget::Cursor).ok_or(Error::CursorMalformed),
    }
}
