//! Changes that users make to their own account: display name and password.

use crate::domain::auth::caller::Caller;
use crate::domain::auth::passwords;
use crate::domain::auth::passwords::PasswordCheck;
use crate::domain::common::validation::check_line;
use crate::domain::error::Error;
use crate::domain::service::Domain;
use crate::domain::service::run_to_completion;
use crate::store::{sessions, users};
use crate::wire;
use diesel_async::AsyncConnection;

const NO_PASSWORD: &str = "this account has no password, who it is is told by the tokens of an app or an operator";

impl Domain {
    /// Changes the display name. This node shows it at once, others when their cached identities expire. Messages that
    /// were sent before keep the name of their time.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn change_display_name(&self, caller: &Caller, display_name: String) -> Result<wire::User, Error> {
        check_line(&display_name, "display_name")?;
        let (domain, id) = (self.clone(), caller.user.id);
        run_to_completion(async move {
            let changed = users::set_display_name(&mut *domain.connection().await?, id, &display_name).await?;
            domain.0.identities.remove_user(id);
            changed.map(wire::User::from).ok_or(Error::NotFound)
        })
        .await
    }

    /// Changes the caller's password and ends all their other sessions, with their streams.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Forbidden`] for an account without a password, [`Error::CredentialsWrong`].
    pub async fn change_password(&self, caller: &Caller, current: String, new: String) -> Result<(), Error> {
        passwords::check(&new, "new")?;
        loop {
            let stored = users::password_hash(&mut *self.connection().await?, caller.user.id).await?;
            let stored = stored.ok_or(Error::Forbidden(NO_PASSWORD))?;
            if self.0.passwords.verify(current.clone(), Some(stored.clone())).await == PasswordCheck::Wrong {
                return Err(Error::CredentialsWrong);
            }
            let fresh = self.0.passwords.hash(new.clone()).await;
            let (domain, caller) = (self.clone(), caller.clone());
            if run_to_completion(async move { domain.replace_password(&caller, &stored, &fresh).await }).await? {
                return Ok(());
            }
            // The hash was replaced meanwhile, perhaps only by a stronger one of the same password: try again.
        }
    }

    /// Replaces the password hash, if it still is `old`, and ends the other sessions; answers whether it was.
    async fn replace_password(&self, caller: &Caller, old: &str, new: &str) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let (user, kept) = (caller.user.id, caller.session);
        let revoked = connection
            .transaction(async |connection| {
                // A log-in locks the user's row before it inserts its session. Locked first here too, no session of the
                // old password can be inserted after the others were revoked.
                if !users::replace_password_hash(connection, user, old, new).await? {
                    return Ok::<_, Error>(None);
                }
                Ok(Some(sessions::revoke_others(connection, user, kept).await?))
            })
            .await?;
        drop(connection);
        if let Some(revoked) = &revoked {
            self.announce_revoked(revoked).await;
        }
        Ok(revoked.is_some())
    }
}
