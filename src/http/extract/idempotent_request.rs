//! `Idempotency-Key`, and the parts of a request that a repeat must have in common.

use crate::domain::RequestIdentity;
use crate::http::respond::problem::{Problem, malformed};
use crate::ids::WriteId;
use axum::extract::FromRequestParts;
use hyper::Method;
use hyper::header::HeaderName;
use hyper::http::request::Parts;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request that creates something: its key, method and path. A repeat must have the same body, too.
pub struct IdempotentRequest {
    key: Option<WriteId>,
    method: Method,
    path: String,
}

impl IdempotentRequest {
    /// `Idempotency-Key`, where the client gave one.
    pub fn key(&self) -> Option<WriteId> {
        self.key
    }

    /// Joins it with the body.
    pub fn asked<'a>(&'a self, body: &'a [u8]) -> RequestIdentity<'a> {
        RequestIdentity { key: self.key, method: self.method.as_str(), path: &self.path, body }
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotentRequest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut keys = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let key = match (keys.next(), keys.next()) {
            (None, _) => None,
            (Some(key), None) => {
                let key = key.to_str().ok().and_then(WriteId::parse);
                Some(key.ok_or_else(|| malformed("Idempotency-Key", "is not a UUID in the 36-character form"))?)
            }
            (Some(_), Some(_)) => return Err(malformed("Idempotency-Key", "is given more than once")),
        };
        Ok(Self { key, method: parts.method.clone(), path: parts.uri.path().to_owned() })
    }
}
