//! Who calls: from a token or a ticket to a user, without a query for each request.

use super::tokens::Subject;
use super::{Domain, Error, accounts};
use crate::ids::{SessionId, UserId};
use crate::store::users::User;
use crate::store::{Time, users};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a node trusts what it read of a user. Disabled users are noticed sooner, with the revocations.
const TRUST: Duration = Duration::from_secs(10);
/// Users that are remembered; above it, all are forgotten.
const MOST: usize = 100_000;

/// Who made a request.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: Arc<User>,
    /// None for tokens that no session stands behind.
    pub session: Option<SessionId>,
    /// When the token ends.
    pub expires_at: Time,
}

impl Domain {
    /// Finds out who calls with an access token.
    ///
    /// # Errors
    /// The codes of 401.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        let (subject, expires_at) = self.0.signer.check(token)?;
        match subject {
            Subject::Own { user, session } => self.caller(user, session, expires_at).await,
            Subject::External { name } => {
                let user = match self.0.identities.by_name.get(&name) {
                    Some(user) => user,
                    None => {
                        let user = accounts::find_or_make(&mut *self.connection().await?, &name).await?;
                        self.0.identities.remember(user)
                    }
                };
                self.admit(user, None, expires_at)
            }
        }
    }

    /// Finds out who calls with a ticket, which is spent by it.
    ///
    /// # Errors
    /// The codes of 401.
    pub async fn redeem(&self, ticket: &str) -> Result<Caller, Error> {
        let ticket = self.take_ticket(ticket).await?;
        self.caller(ticket.user_id, ticket.session_id, ticket.token_expires_at).await
    }

    async fn caller(&self, id: UserId, session: Option<SessionId>, expires_at: Time) -> Result<Caller, Error> {
        let user = match self.0.identities.by_id.get(&id) {
            Some(user) => user,
            None => {
                let user = users::by_id(&mut *self.connection().await?, id).await?;
                self.0.identities.remember(user.ok_or(Error::TokenInvalid)?)
            }
        };
        self.admit(user, session, expires_at)
    }

    fn admit(&self, user: Arc<User>, session: Option<SessionId>, expires_at: Time) -> Result<Caller, Error> {
        if user.disabled_at.is_some() || self.revocations().has_ended(user.id, session) {
            return Err(Error::SessionRevoked);
        }
        Ok(Caller { user, session, expires_at })
    }
}

/// Users that called lately.
#[derive(Default)]
pub struct Identities {
    by_id: Remembered<UserId>,
    by_name: Remembered<String>,
}

impl Identities {
    fn remember(&self, user: User) -> Arc<User> {
        let user = Arc::new(user);
        self.by_id.put(user.id, user.clone());
        self.by_name.put(user.name.clone(), user.clone());
        user
    }
}

struct Remembered<K>(Mutex<HashMap<K, (Arc<User>, Instant)>>);

impl<K> Default for Remembered<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Remembered<K> {
    fn get(&self, key: &K) -> Option<Arc<User>> {
        let users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        users.get(key).filter(|(_, since)| since.elapsed() < TRUST).map(|(user, _)| user.clone())
    }

    fn put(&self, key: K, user: Arc<User>) {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= MOST {
            users.clear();
        }
        users.insert(key, (user, Instant::now()));
    }
}
