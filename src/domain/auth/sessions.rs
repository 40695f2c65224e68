//! Sessions: beginning, refreshing and ending them.

use crate::domain::auth::caller::Caller;
use crate::domain::auth::secrets::{hash_secret, new_secret};
use crate::domain::common::pagination::truncate_to_page;
use crate::domain::error::Error;
use crate::domain::service::Domain;
use crate::domain::service::run_to_completion;
use crate::ids::{SessionId, UserId};
use crate::log::SESSIONS_CHANNEL;
use crate::store::sessions::RefreshTokenRow;
use crate::store::{Connection, StoreError, Time, sessions, users};
use crate::wire;
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use std::time::Duration;

/// How long an access token lasts.
const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How long a session lasts when it is not refreshed.
const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a spent refresh token stays valid, for clients that did not get the answer.
const SPENT_TOKEN_GRACE: chrono::TimeDelta = chrono::TimeDelta::seconds(60);

/// How an exchange of a refresh token ended.
enum RefreshResult {
    With(sessions::SessionRow, String),
    Revoked(SessionId),
}

impl Domain {
    /// Creates a session with its first tokens.
    pub(crate) async fn begin_session(
        &self,
        connection: &mut Connection,
        user: UserId,
        device: Option<&str>,
    ) -> Result<wire::Session, Error> {
        let (token, hash) = new_secret();
        let session = connection
            .transaction(async |connection| {
                let session = sessions::insert(connection, SessionId::new(), user, device, SESSION_LIFETIME).await?;
                sessions::insert_token(connection, session.id, &hash, None).await?;
                Ok::<_, Error>(session)
            })
            .await?;
        Ok(self.with_tokens(session, token))
    }

    /// Exchanges a refresh token for new tokens.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], [`Error::TokenExpired`]; [`Error::SessionRevoked`], also when the token was spent and
    /// somebody else may have it: then the session ends.
    pub async fn refresh(&self, token: &str) -> Result<wire::Session, Error> {
        let hash = hash_secret(token);
        let mut connection = self.connection().await?;
        let refreshed = connection.transaction(async |connection| exchange(connection, &hash).await).await?;
        drop(connection);
        match refreshed {
            RefreshResult::With(session, token) => Ok(self.with_tokens(session, token)),
            RefreshResult::Revoked(session) => {
                self.announce_revoked(&[session]).await;
                Err(Error::SessionRevoked)
            }
        }
    }

    /// The caller's sessions that have not ended, the newest first, after one of them; answers whether there are more.
    pub async fn list_sessions(
        &self,
        caller: &Caller,
        before: Option<SessionId>,
        limit: usize,
    ) -> Result<(Vec<wire::ListedSession>, bool), Error> {
        let mut connection = self.connection().await?;
        let mut found = sessions::list(&mut connection, caller.user.id, before, limit as i64 + 1).await?;
        let more = truncate_to_page(&mut found, limit);
        let listed = |session: sessions::SessionRow| wire::ListedSession {
            id: session.id,
            device: session.device,
            created_at: wire::Timestamp(session.created_at),
            last_seen_at: wire::Timestamp(session.last_seen_at),
            current: caller.session == Some(session.id),
        };
        Ok((found.into_iter().map(listed).collect(), more))
    }

    /// Ends the caller's own session.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the token has none.
    pub async fn log_out(&self, caller: &Caller) -> Result<(), Error> {
        let session = caller.session.ok_or(Error::NotFound)?;
        self.revoke(caller, session).await
    }

    /// Ends one of the caller's sessions.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller has none of this id.
    pub async fn revoke(&self, caller: &Caller, session: SessionId) -> Result<(), Error> {
        self.end_session(caller.user.id, session).await
    }

    /// Ends a session of a user, here and on all nodes.
    pub(crate) async fn end_session(&self, user: UserId, session: SessionId) -> Result<(), Error> {
        let domain = self.clone();
        run_to_completion(async move {
            let mut connection = domain.connection().await?;
            if !sessions::revoke(&mut connection, session, user).await? {
                return Err(Error::NotFound);
            }
            drop(connection);
            domain.announce_revoked(&[session]).await;
            Ok(())
        })
        .await
    }

    /// Revokes sessions on this node at once, and notifies the other nodes.
    pub(crate) async fn announce_revoked(&self, sessions: &[SessionId]) {
        if sessions.is_empty() {
            return;
        }
        self.revocations().add(sessions.iter().copied());
        self.notify_revocations().await;
    }

    /// Notifies the other nodes that sessions were revoked or users disabled. They poll besides.
    pub(crate) async fn notify_revocations(&self) {
        let notified = async {
            let statement = format!("NOTIFY {SESSIONS_CHANNEL}");
            Ok::<_, StoreError>(self.connection().await?.batch_execute(&statement).await?)
        };
        if let Err(error) = notified.await {
            tracing::warn!(%error, "cannot notify the other nodes of revoked sessions");
        }
    }

    fn with_tokens(&self, session: sessions::SessionRow, refresh_token: String) -> wire::Session {
        wire::Session {
            id: session.id,
            access_token: self.0.signer.mint(session.user_id, Some(session.id), ACCESS_TOKEN_LIFETIME),
            device: session.device,
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_LIFETIME.as_secs(),
            refresh_token,
            refresh_expires_in: SESSION_LIFETIME.as_secs(),
        }
    }
}

async fn exchange(connection: &mut Connection, hash: &[u8]) -> Result<RefreshResult, Error> {
    let found = sessions::lock_by_token(connection, hash).await?;
    let (session, token, now) = found.ok_or(Error::TokenInvalid)?;
    let user = users::by_id(connection, session.user_id).await?;
    if session.revoked_at.is_some() || user.is_none_or(|user| user.disabled_at.is_some()) {
        return Err(Error::SessionRevoked);
    }
    if session.expires_at <= now {
        return Err(Error::TokenExpired);
    }
    if !is_good(&token, now) {
        sessions::revoke(connection, session.id, session.user_id).await?;
        return Ok(RefreshResult::Revoked(session.id));
    }
    let (fresh, fresh_hash) = new_secret();
    let session = sessions::spend_token(connection, &token, SESSION_LIFETIME).await?;
    sessions::insert_token(connection, session.id, &fresh_hash, Some(&token.hash)).await?;
    Ok(RefreshResult::With(session, fresh))
}

/// A spent token stays valid until a token that was given for it is used, and for [`SPENT_TOKEN_GRACE`] at least.
fn is_good(token: &RefreshTokenRow, now: Time) -> bool {
    token.replaced_at.is_none_or(|replaced_at| !token.successor_used || now < replaced_at + SPENT_TOKEN_GRACE)
}
