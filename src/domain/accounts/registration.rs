//! Registering, logging in, and finding a user.

use crate::config::Switch;
use crate::domain::accounts::user_names;
use crate::domain::auth::caller::Caller;
use crate::domain::auth::passwords;
use crate::domain::auth::passwords::PasswordCheck;
use crate::domain::common::validation::check_line;
use crate::domain::error::Error;
use crate::domain::service::Domain;
use crate::ids::UserId;
use crate::store::users;
use crate::store::users::UserRow;
use crate::wire;
use diesel_async::AsyncConnection;

/// An account that is to be created.
#[derive(Debug)]
pub struct Registration {
    pub name: String,
    pub password: String,
    pub display_name: Option<String>,
    pub device: Option<String>,
}

/// What somebody logs in with.
#[derive(Debug)]
pub struct Credentials {
    pub name: String,
    pub password: String,
    pub device: Option<String>,
}

impl Domain {
    /// Creates an account and its first session.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`], [`Error::Invalid`], [`Error::NameTaken`].
    pub async fn register(&self, wanted: Registration) -> Result<wire::LoggedIn, Error> {
        if self.0.registration == Switch::Off {
            return Err(Error::RegistrationClosed);
        }
        let name = user_names::check_new_name(&wanted.name)?;
        let display_name = wanted.display_name.unwrap_or_else(|| name.clone());
        check_line(&display_name, "display_name")?;
        check_device(wanted.device.as_deref())?;
        passwords::check(&wanted.password, "password")?;
        if users::by_name(&mut *self.connection().await?, &name).await?.is_some() {
            return Err(Error::NameTaken(name));
        }
        let hash = self.0.passwords.hash(wanted.password).await;
        let mut connection = self.connection().await?;
        let (user, session) = connection
            .transaction(async |connection| {
                let user = users::insert(connection, UserId::new(), &name, &display_name, Some(&hash)).await?;
                let user = user.ok_or_else(|| Error::NameTaken(name.clone()))?;
                let session = self.begin_session(connection, user.id, wanted.device.as_deref()).await?;
                Ok::<_, Error>((user, session))
            })
            .await?;
        Ok(wire::LoggedIn { user: user.into(), session })
    }

    /// Creates a session of an account. The error does not say whether the name or the password is wrong.
    ///
    /// # Errors
    /// [`Error::CredentialsWrong`].
    pub async fn log_in(&self, credentials: Credentials) -> Result<wire::LoggedIn, Error> {
        let Credentials { name, password, device } = credentials;
        check_device(device.as_deref())?;
        let name = user_names::user_name(&name);
        loop {
            let (user, hash) = self.check_credentials(name.as_deref(), &password).await?;
            let mut connection = self.connection().await?;
            let session = connection
                .transaction(async |connection| {
                    // A change of the password revokes the sessions that exist then. With the row locked and the hash
                    // compared, this session is one of them, or is not created.
                    if !users::lock_password_hash(connection, user.id, &hash).await? {
                        return Ok::<_, Error>(None);
                    }
                    self.begin_session(connection, user.id, device.as_deref()).await.map(Some)
                })
                .await?;
            if let Some(session) = session {
                return Ok(wire::LoggedIn { user: user.into(), session });
            }
        }
    }

    /// Checks a password; answers whose it is, and the hash that is stored of it.
    async fn check_credentials(&self, name: Option<&str>, password: &str) -> Result<(UserRow, String), Error> {
        let found = match name {
            Some(name) => users::credentials(&mut *self.connection().await?, name).await?,
            None => None,
        };
        let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), hash));
        let verdict = self.0.passwords.verify(password.to_owned(), hash.clone()).await;
        let user = user.filter(|user| user.disabled_at.is_none() && verdict != PasswordCheck::Wrong);
        let (Some(user), Some(hash)) = (user, hash) else {
            return Err(Error::CredentialsWrong);
        };
        if let PasswordCheck::Rehashed(stronger) = verdict {
            let mut connection = self.connection().await?;
            if users::replace_password_hash(&mut connection, user.id, &hash, &stronger).await? {
                return Ok((user, stronger));
            }
        }
        Ok((user, hash))
    }

    /// Finds the user that a path names.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn user(&self, caller: &Caller, named: &str) -> Result<wire::User, Error> {
        Ok(user_names::find(&mut *self.connection().await?, caller, named).await?.into())
    }
}

fn check_device(device: Option<&str>) -> Result<(), Error> {
    device.map_or(Ok(()), |device| check_line(device, "device"))
}
