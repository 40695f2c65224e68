//! `Prefer`.

use axum::extract::FromRequestParts;
use hyper::http::request::Parts;
use std::convert::Infallible;

/// Seconds that a request may wait: most proxies give up after a minute.
pub const MAX_WAIT_S: usize = 55;

/// `Prefer: wait=N` (RFC 7240), in seconds, clamped. A value that cannot be read counts as none.
pub struct PreferWait(pub Option<usize>);

impl<S: Sync> FromRequestParts<S> for PreferWait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let mut preferences = values.flat_map(|value| value.split([',', ';']));
        let wait = preferences.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("wait").then(|| value.parse::<usize>().ok())?
        });
        Ok(Self(wait.map(|wait| wait.min(MAX_WAIT_S))))
    }
}
