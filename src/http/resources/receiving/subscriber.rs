//! What streams and long polls share: who receives, until when, and of which conversation.

use crate::delivery::{AdmissionPermit, CloseReason, ResumeError, Subscriber};
use crate::domain::Caller;
use crate::http::app::App;
use crate::http::respond::problem::{Problem, malformed};
use crate::http::respond::problem_code::ProblemCode;
use crate::ids::{ConnectionId, ConversationId};
use std::time::{Duration, Instant};

/// How long before its token's end a client is sent away, so that it is gone by then.
const CLOSE_BEFORE_EXPIRY: Duration = Duration::from_secs(2);
/// After how long a stream is sent away, so that deploys look like any other day; plus up to a tenth.
const ROTATE_AFTER: Duration = Duration::from_secs(10 * 60);

/// When a stream is closed for its age.
pub fn rotation() -> (Instant, CloseReason) {
    (Instant::now() + ROTATE_AFTER.mul_f64(1.0 + fastrand::f64() / 10.0), CloseReason::Rotate)
}

/// The caller as a subscriber until `until`, or until their token expires.
pub fn subscriber(caller: &Caller, only: Option<ConversationId>, until: (Instant, CloseReason)) -> Subscriber {
    let left = (caller.expires_at - chrono::Utc::now()).to_std().unwrap_or_default();
    let expires_at = Instant::now() + left.saturating_sub(CLOSE_BEFORE_EXPIRY);
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
pub async fn only_conversation(
    app: &App,
    caller: &Caller,
    text: Option<&str>,
) -> Result<Option<ConversationId>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let id = ConversationId::parse(text)
        .ok_or_else(|| malformed("conversation", "is not a UUID in the 36-character form"))?;
    app.domain.check_follows(caller, id).await?;
    Ok(Some(id))
}

/// Takes a place for a client of delivery, while a refusal can still be answered.
///
/// # Errors
/// Too many clients wait for one.
pub fn reserve(app: &App) -> Result<AdmissionPermit, Problem> {
    let busy = || Problem::new(ProblemCode::Unavailable, "this node has too many new receivers, try again");
    app.hub.reserve().ok_or_else(|| busy().with_retry_after(1))
}

/// The refusal of a client that cannot start where it wants.
pub fn resume_problem(error: ResumeError) -> Problem {
    match error {
        ResumeError::UnusableCursor(code, fresh) => Problem::dead_cursor(code, fresh.from),
        ResumeError::Lagging => {
            Problem::new(ProblemCode::Unavailable, "this node lags behind the log, try another").with_retry_after(1)
        }
        ResumeError::Store(error) => error.into(),
    }
}
