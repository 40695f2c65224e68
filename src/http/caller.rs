//! Who calls: the token of the `Authorization` header, and nothing else.

use super::App;
use super::middleware::RateSlot;
use super::problem::{Code, Problem};
use super::rates::Rate;
use super::server::Peer;
use crate::domain::{Caller, Error};
use axum::extract::FromRequestParts;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;

/// A caller with a good token, who does not ask too often.
pub struct Authenticated(pub Caller);

/// Somebody without a token, who does not ask too often.
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

/// Lets somebody in whose address does not ask too often.
///
/// # Errors
/// 429.
pub fn admit_address(parts: &Parts, app: &App) -> Result<(), Problem> {
    match (&app.rates, parts.extensions.get::<Peer>()) {
        (Some(rates), Some(Peer(address))) => judge(parts, rates.address(address.ip())),
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

/// Lets a caller in who does not ask too often.
///
/// # Errors
/// 429.
pub fn admit(parts: &Parts, app: &App, caller: &Caller) -> Result<(), Problem> {
    match &app.rates {
        Some(rates) => judge(parts, rates.user(caller.user.id)),
        None => Ok(()),
    }
}

fn judge(parts: &Parts, (rate, taken): (Rate, bool)) -> Result<(), Problem> {
    if let Some(slot) = parts.extensions.get::<RateSlot>() {
        slot.set(rate);
    }
    if taken {
        return Ok(());
    }
    let detail = format!("wait {} s before the next request", rate.wait);
    Err(Problem::new(Code::RateLimited, detail).with_retry_after(rate.wait))
}
