//! Who calls: the token of the `Authorization` header alone, within the rate limits.

use crate::domain::{Caller, Error};
use crate::http::app::App;
use crate::http::connection::peer::Peer;
use crate::http::limits::rate_limits::RateLimitSlot;
use crate::http::limits::rate_limits::RateLimitStatus;
use crate::http::respond::problem::Problem;
use crate::http::respond::problem_code::ProblemCode;
use axum::extract::FromRequestParts;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;

/// A caller with a valid token, within their rate limit.
pub struct Authenticated(pub Caller);

/// A caller without a token, whose address is within its rate limit.
pub struct Anonymous;

impl FromRequestParts<App> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = app.domain.authenticate(bearer(parts)?).await?;
        admit(parts, app, &caller)?;
        Ok(Self(caller))
    }
}

impl FromRequestParts<App> for Anonymous {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        admit_address(parts, app).map(|()| Self)
    }
}

/// Counts a request of the peer's address.
///
/// # Errors
/// 429 when it is one too many.
pub fn admit_address(parts: &Parts, app: &App) -> Result<(), Problem> {
    match (&app.rate_limits, parts.extensions.get::<Peer>()) {
        (Some(limits), Some(Peer(address))) => check_rate(parts, limits.address(address.ip())),
        _ => Ok(()),
    }
}

/// The token of a request.
///
/// # Errors
/// 401 when there is none.
pub fn bearer(parts: &Parts) -> Result<&str, Error> {
    let header = parts.headers.get(AUTHORIZATION).ok_or(Error::TokenMissing)?;
    let (scheme, token) = header.to_str().ok().and_then(|header| header.split_once(' ')).ok_or(Error::TokenInvalid)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim_start()) } else { Err(Error::TokenMissing) }
}

/// Counts a request of a user.
///
/// # Errors
/// 429 when it is one too many.
pub fn admit(parts: &Parts, app: &App, caller: &Caller) -> Result<(), Problem> {
    match &app.rate_limits {
        Some(limits) => check_rate(parts, limits.user(caller.user.id)),
        None => Ok(()),
    }
}

fn check_rate(parts: &Parts, (rate, allowed): (RateLimitStatus, bool)) -> Result<(), Problem> {
    if let Some(slot) = parts.extensions.get::<RateLimitSlot>() {
        slot.set(rate);
    }
    if allowed {
        return Ok(());
    }
    let detail = format!("wait {} s before the next request", rate.wait);
    Err(Problem::new(ProblemCode::RateLimited, detail).with_retry_after(rate.wait))
}
