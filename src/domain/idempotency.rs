//! What makes a repeated request harmless: its key, and a mark of what was asked for.

use super::{Domain, Error};
use crate::ids::{Position, UserId, WriteId};
use crate::log::{Change, ChangeFuture, ChangeOutcome, LockedHead, WriteKey, read};
use crate::store::{Connection, StoreError, secrets};
use aws_lc_rs::hmac;

/// A request that creates something.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `Idempotency-Key`, where the client gave one.
    pub key: Option<WriteId>,
    pub method: &'a str,
    pub path: &'a str,
    pub body: &'a [u8],
}

/// Marks requests, with the deployment's key.
pub struct Marks(hmac::Key);

impl Marks {
    /// Fetches the deployment's key.
    pub async fn open(connection: &mut Connection) -> Result<Self, StoreError> {
        let key = secrets::get_or_insert(connection, "idempotency", &super::tokens::random::<32>()).await?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The key of a write: the client's, or a fresh one that nobody can repeat.
    pub fn key(&self, owner: UserId, asked: Asked<'_>) -> WriteKey {
        let Some(id) = asked.key else {
            return fresh(owner);
        };
        let mut mac = hmac::Context::with_key(&self.0);
        for part in [asked.method.as_bytes(), b" ", asked.path.as_bytes(), b"\n", asked.body] {
            mac.update(part);
        }
        WriteKey { id, owner, mac: mac.sign().as_ref().to_vec() }
    }
}

/// The key of a write that only this node repeats.
pub fn fresh(owner: UserId) -> WriteKey {
    WriteKey { id: WriteId::new(), owner, mac: Vec::new() }
}

/// Checks that a key which is not of the log, but of a row, was used by the same user for the same request.
///
/// # Errors
/// [`Error::KeyTaken`] and [`Error::KeyReused`].
pub(super) fn check_repeat(key: &WriteKey, owner: UserId, mac: &[u8]) -> Result<(), Error> {
    match (owner == key.owner, mac == key.mac) {
        (true, true) => Ok(()),
        (true, false) => Err(Error::KeyReused),
        (false, _) => Err(Error::KeyTaken),
    }
}

/// Checks that nothing was written to the log under a client's key.
///
/// # Errors
/// [`Error::KeyTaken`] and [`Error::KeyReused`].
pub(super) async fn check_unused(connection: &mut Connection, key: &WriteKey) -> Result<(), Error> {
    match read::find_write(connection, key.id).await? {
        None => Ok(()),
        Some(known) if known.owner == key.owner => Err(Error::KeyReused),
        Some(_) => Err(Error::KeyTaken),
    }
}

impl Domain {
    /// Looks a client's key up, before anything is found or made; answers where its event stands.
    ///
    /// # Errors
    /// [`Error::KeyTaken`] and [`Error::KeyReused`].
    pub(super) async fn replayed(&self, asked: Asked<'_>, key: &WriteKey) -> Result<Option<Position>, Error> {
        if asked.key.is_none() {
            return Ok(None);
        }
        let mut connection = self.connection().await?;
        let found = read::find_write(&mut connection, key.id).await?;
        drop(connection);
        match found {
            None => Ok(None),
            // What is found may not be as safe as a fresh write would be: only the log can confirm it.
            Some(_) => match self.0.log.change(Confirm(key.clone())).await? {
                ChangeOutcome::Replayed(position) => Ok(Some(position)),
                ChangeOutcome::Applied((), _) => Ok(None),
            },
        }
    }
}

/// A write that is known already: waits for what the original had to wait for.
struct Confirm(WriteKey);

impl Change for Confirm {
    type Output = ();
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.0
    }

    fn apply<'a>(&'a self, _: &'a mut Connection, _: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async { Ok((Vec::new(), ())) })
    }
}
