//! What streams and long polls share: where to start, and who receives.

use super::App;
use super::problem::{Code, Problem};
use crate::delivery::{CloseReason, ResumeFrom, Subscriber};
use crate::domain::{Caller, Error};
use crate::ids::{ConnectionId, ConversationId};
use crate::log::Cursor;
use axum::extract::FromRequestParts;
use hyper::Method;
use hyper::header::HeaderName;
use hyper::http::request::Parts;
use std::time::{Duration, Instant};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How long before its token's end a client is sent away, so that it is gone by then.
const BEFORE_EXPIRY: Duration = Duration::from_secs(2);
/// After how long a stream is sent away, so that deploys look like any other day; plus up to a tenth.
const ROTATE: Duration = Duration::from_secs(10 * 60);

/// Refuses HEAD, which would run the GET handler: an answer that never ends has no length.
pub struct NotHead;

impl<S: Sync> FromRequestParts<S> for NotHead {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.method == Method::HEAD {
            return Err(Problem::new(Code::MethodNotAllowed, "only GET receives events").with_allow("GET"));
        }
        Ok(Self)
    }
}

/// What a receiving request carries beside its parameters.
pub struct Receiving {
    last_event_id: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Receiving {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let header = parts.headers.get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
        Ok(Self { last_event_id: header.filter(|id| !id.is_empty()) })
    }
}

/// Where a client wants to start, as far as it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    After(ResumeFrom),
    /// A `Last-Event-ID` that is no cursor of ours.
    Unreadable,
}

impl Receiving {
    /// Reads where a client wants to start: `Last-Event-ID` wins over `after`.
    ///
    /// # Errors
    /// 400 for an `after` that is no cursor, 404 for a stored cursor that is not there.
    pub async fn wish(&self, app: &App, caller: &Caller, after: Option<&str>) -> Result<Wish, Problem> {
        if let Some(id) = &self.last_event_id {
            return Ok(Cursor::parse(id).map_or(Wish::Unreadable, |cursor| Wish::After(ResumeFrom::Cursor(cursor))));
        }
        let after = match after.unwrap_or_default() {
            "" | "now" => ResumeFrom::Now,
            "start" => ResumeFrom::Start,
            text => match text.strip_prefix('@') {
                Some(name) => ResumeFrom::Cursor(app.domain.cursor(caller, name).await?.cursor),
                None => ResumeFrom::Cursor(Cursor::parse(text).ok_or(Error::CursorMalformed)?),
            },
        };
        Ok(Wish::After(after))
    }
}

/// When a stream is sent away for its age.
pub fn rotation() -> (Instant, CloseReason) {
    (Instant::now() + ROTATE.mul_f64(1.0 + fastrand::f64() / 10.0), CloseReason::Rotate)
}

/// The caller as one who receives, until then or until their token ends.
pub fn subscriber(caller: &Caller, only: Option<ConversationId>, until: (Instant, CloseReason)) -> Subscriber {
    let left = (caller.expires_at - chrono::Utc::now()).to_std().unwrap_or_default();
    let expires_at = Instant::now() + left.saturating_sub(BEFORE_EXPIRY);
    Subscriber {
        id: ConnectionId::new(),
        user: caller.user.id,
        session: caller.session,
        only,
        until: if expires_at < until.0 { (expires_at, CloseReason::Expired) } else { until },
    }
}

/// Reads `conversation`, and checks that the caller is or was a member.
///
/// # Errors
/// 400 for what is no id, 404 for who never was a member.
pub async fn only(app: &App, caller: &Caller, text: Option<&str>) -> Result<Option<ConversationId>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let id = ConversationId::parse(text)
        .ok_or_else(|| super::problem::malformed("conversation", "is not a UUID in the 36-character form"))?;
    app.domain.check_follows(caller, id).await?;
    Ok(Some(id))
}
