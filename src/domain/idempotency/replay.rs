//! Looking up whether the log has a write under a client's key.

use crate::domain::error::Error;
use crate::domain::idempotency::request::RequestIdentity;
use crate::domain::service::Domain;
use crate::ids::Position;
use crate::log::{Change, ChangeFuture, ChangeOutcome, LockedHead, WriteKey, read};
use crate::store::Connection;

impl Domain {
    /// Looks up a client's key before anything else is read or written; answers the position of its event.
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
            // The transaction that is visible here may not be durable yet. The log confirms it as it confirms a new
            // write.
            Some(_) => match self.0.log.change(ReplayConfirmation(key.clone())).await? {
                ChangeOutcome::Replayed(position) => Ok(Some(position)),
                ChangeOutcome::Applied((), _) => Ok(None),
            },
        }
    }
}

/// A change of nothing under a known key: the log answers when the original write is durable.
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
