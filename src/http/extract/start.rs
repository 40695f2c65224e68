//! Where a stream, a poll or an export starts: `after`, and `Last-Event-ID`.

use crate::delivery::ResumeFrom;
use crate::domain::{Caller, Error};
use crate::http::app::App;
use crate::http::respond::problem::Problem;
use crate::log::Cursor;
use axum::extract::FromRequestParts;
use hyper::header::HeaderName;
use hyper::http::request::Parts;
use std::convert::Infallible;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// `Last-Event-ID`; an empty one counts as absent.
pub struct LastEventId(Option<String>);

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = parts.headers.get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
        Ok(Self(header.filter(|id| !id.is_empty())))
    }
}

/// Where a client wants to start, as far as it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStart {
    After(ResumeFrom),
    /// A `Last-Event-ID` that is no cursor of ours.
    Unreadable,
}

impl LastEventId {
    /// Reads where a client wants to start: `Last-Event-ID` wins over `after`, which is `now` when it is not given.
    ///
    /// # Errors
    /// 400 for an `after` that is no cursor, 404 for a stored cursor that does not exist.
    pub async fn or_after(&self, app: &App, caller: &Caller, after: Option<&str>) -> Result<StreamStart, Problem> {
        if let Some(id) = &self.0 {
            let cursor = Cursor::parse(id);
            return Ok(cursor.map_or(StreamStart::Unreadable, |cursor| StreamStart::After(ResumeFrom::Cursor(cursor))));
        }
        let after = match after.unwrap_or_default() {
            "" | "now" => ResumeFrom::Now,
            "start" => ResumeFrom::Start,
            text => ResumeFrom::Cursor(resolve_cursor(app, caller, text).await?),
        };
        Ok(StreamStart::After(after))
    }
}

/// Reads `after` of an export: none stands for the oldest event, which is also what an absent one means.
///
/// # Errors
/// 400 for what is no cursor, 404 for a stored cursor that does not exist.
pub async fn export_start(app: &App, caller: &Caller, after: Option<&str>) -> Result<Option<Cursor>, Problem> {
    match after.unwrap_or_default() {
        "" | "start" => Ok(None),
        text => resolve_cursor(app, caller, text).await.map(Some),
    }
}

/// Reads a cursor, or `@name` of a stored one.
async fn resolve_cursor(app: &App, caller: &Caller, text: &str) -> Result<Cursor, Problem> {
    match text.strip_prefix('@') {
        Some(name) => Ok(app.domain.cursor(caller, name).await?.cursor),
        None => Ok(Cursor::parse(text).ok_or(Error::CursorMalformed)?),
    }
}
