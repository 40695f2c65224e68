//! Requests that may be repeated.

use crate::domain::auth::secrets::random_bytes;
use crate::ids::{UserId, WriteId};
use crate::log::WriteKey;
use crate::store::{Connection, StoreError, secrets};
use aws_lc_rs::hmac;

/// What makes a request the same as another: its key, method, path and body.
#[derive(Clone, Copy, Debug)]
pub struct RequestIdentity<'a> {
    /// `Idempotency-Key`, where the client gave one.
    pub key: Option<WriteId>,
    pub method: &'a str,
    pub path: &'a str,
    pub body: &'a [u8],
}

/// Makes fingerprints of requests, with the deployment's key.
pub struct RequestFingerprinter(hmac::Key);

impl RequestFingerprinter {
    /// Fetches the deployment's key.
    pub async fn open(connection: &mut Connection) -> Result<Self, StoreError> {
        let key = secrets::get_or_insert(connection, "idempotency", &random_bytes::<32>()).await?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The key of a write: the client's, or a random one that nobody can repeat.
    pub fn key(&self, owner: UserId, request: RequestIdentity<'_>) -> WriteKey {
        let Some(id) = request.key else {
            return fresh_key(owner);
        };
        let mut mac = hmac::Context::with_key(&self.0);
        for part in [request.method.as_bytes(), b" ", request.path.as_bytes(), b"\n", request.body] {
            mac.update(part);
        }
        WriteKey { id, owner, mac: mac.sign().as_ref().to_vec() }
    }
}

/// A random key, under which only this node repeats a write.
pub fn fresh_key(owner: UserId) -> WriteKey {
    WriteKey { id: WriteId::new(), owner, mac: Vec::new() }
}
