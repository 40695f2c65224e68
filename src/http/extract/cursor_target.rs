use crate::domain::Error;
use crate::domain::cursors::Target;
use crate::log::Cursor;

/// Reads where a stored cursor or a webhook is to be set: a cursor, `now` or `start`.
///
/// # Errors
/// 400 for what is none of them.
pub fn cursor_target(text: &str) -> Result<Target, Error> {
    match text {
        "now" => Ok(Target::Now),
        "start" => Ok(Target::Start),
        text => Cursor::parse(text).map(Target::Cursor).ok_or(Error::CursorMalformed),
    }
}
