//! From a token or a ticket to a caller, without a query for each request.

use crate::domain::accounts::bot_tokens::is_bot_token;
use crate::domain::accounts::provisioning::find_or_create_user;
use crate::domain::auth::access_tokens::TokenSubject;
use crate::domain::auth::caller::Caller;
use crate::domain::auth::identity_cache::{IDENTITY_TTL, IdentityKey};
use crate::domain::auth::secrets::hash_secret;
use crate::domain::error::Error;
use crate::domain::service::Domain;
use crate::store::bots::BotTokenSession;
use crate::store::users::UserRow;
use chrono::Utc;
use std::sync::Arc;

impl Domain {
    /// Finds out who calls with an access token.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], [`Error::TokenExpired`], [`Error::SessionRevoked`].
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        // A token that was checked within the time to live can only have expired or been revoked since.
        if let Some(caller) = self.0.identities.callers.get(token).filter(|caller| caller.expires_at > Utc::now()) {
            return self.admit(caller);
        }
        let changes = self.0.identities.callers.changes();
        let caller = self.check_token(token).await?;
        self.0.identities.callers.put(token.into(), caller.clone(), changes);
        self.admit(caller)
    }

    async fn check_token(&self, token: &str) -> Result<Caller, Error> {
        if is_bot_token(token) {
            return self.check_bot_token(token).await;
        }
        let (subject, expires_at) = self.0.signer.check(token)?;
        let (user, session) = match subject {
            TokenSubject::Own { user, session } => (self.find_identity(IdentityKey::Id(user)).await?, session),
            TokenSubject::External { name } => {
                let user = match self.0.identities.find(IdentityKey::Name(name.clone())).await? {
                    Some(user) => user,
                    None => {
                        let changes = self.0.identities.users.changes();
                        let made = find_or_create_user(&mut *self.connection().await?, &name).await?;
                        self.0.identities.insert(IdentityKey::Name(name), made, changes)
                    }
                };
                (user, None)
            }
        };
        Ok(Caller { user, session, expires_at })
    }

    async fn check_bot_token(&self, token: &str) -> Result<Caller, Error> {
        let found = self.0.identities.bots.load(hash_secret(token)).await?;
        let BotTokenSession { bot, session, expires_at, revoked_at } = found.ok_or(Error::TokenInvalid)?;
        if revoked_at.is_some() {
            return Err(Error::SessionRevoked);
        }
        if expires_at <= Utc::now() {
            return Err(Error::TokenExpired);
        }
        Ok(Caller { user: self.find_identity(IdentityKey::Id(bot)).await?, session: Some(session), expires_at })
    }

    /// Finds out who calls with a ticket, and spends it.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], [`Error::TokenExpired`], [`Error::SessionRevoked`].
    pub async fn redeem(&self, ticket: &str) -> Result<Caller, Error> {
        let ticket = self.take_ticket(ticket).await?;
        let user = self.find_identity(IdentityKey::Id(ticket.user_id)).await?;
        self.admit(Caller { user, session: ticket.session_id, expires_at: ticket.token_expires_at })
    }

    /// Drops cached identities that have expired, until it is dropped itself.
    pub async fn evict_expired_identities(&self) {
        loop {
            tokio::time::sleep(IDENTITY_TTL).await;
            self.0.identities.evict_expired();
        }
    }

    async fn find_identity(&self, key: IdentityKey) -> Result<Arc<UserRow>, Error> {
        self.0.identities.find(key).await?.ok_or(Error::TokenInvalid)
    }

    fn admit(&self, caller: Caller) -> Result<Caller, Error> {
        if caller.user.disabled_at.is_some() || self.revocations().has_ended(caller.user.id, caller.session) {
            return Err(Error::SessionRevoked);
        }
        Ok(caller)
    }
}
