//! Looking up whether a request was answered before.

use crate::domain::error::Error;
use crate::domain::idempotency::request::RequestIdentity;
use crate::domain::service::Domain;
use crate::ids::Position;
use crate::log::{Change, ChangeFuture, ChangeOutcome, LockedHead, WriteKey, read};
use crate::store::Connection;

impl Domain {
    /// Looks a client's key up, before anything is found or made; answers where its event stands.
    ///
    /// # Errors
    /// [`Error::KeyTaken`] and [`Error::KeyReused`].
    pub(crate) async fn replayed(
        &self,
        request: RequestIdentity<'_>,
        key: &WriteKey,
    ) -> Result<Option<Position>, Error> {
        if request.key.is_none() {
            return Ok(None);
        }
        let mut connection = self.connection().await?;
        let found = read::find_write(&mut connection, key.id).await?;
        drop(connection);
        match found {
            None => Ok(None),
            // What is found may not be as safe as a fresh write would be: only the log can confirm it.
            Some(_) => match self.0.log.change(ReplayConfirmation(key.clone())).await? {
                ChangeOutcome::Replayed(position) => Ok(Some(position)),
                ChangeOutcome::Applied((), _) => Ok(None),
            },
        }
    }
}

/// A write that is known already: waits for what the original had to wait for.
struct ReplayConfirmation(WriteKey);

impl Change for ReplayConfirmation {
    type Output = ();
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.0
    }

    fn apply<'a>(&'a self, _: &'a mut Connection, _: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async { Ok((Vec::new(), ())) })
    }
}
