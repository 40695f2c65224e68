//! Who calls: from a token or a ticket to a user, without a query for each request.

use super::tokens::Subject;
use super::{Domain, Error, accounts, bots, sessions};
use crate::ids::{SessionId, UserId};
use crate::store::bots::BotTokenSession;
use crate::store::users::UserRow;
use crate::store::{self, ANSWER, DataLoader, Pool, StoreError, Time, users};
use chrono::Utc;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a node trusts what it read of a user, and again what it then made of a token. Disabled users are noticed sooner, with the revocations.
const TRUST: Duration = Duration::from_secs(10);
/// Tokens and users that are remembered at most; above it, all of them are forgotten. Those who only listen show theirs
/// once, and what it takes to remember them is not given back to the machine.
const MOST: usize = 4_096;
/// Users that are read at once.
const AT_ONCE: usize = 1_000;

/// Who made a request.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: Arc<UserRow>,
    /// None for tokens that no session stands behind.
    pub session: Option<SessionId>,
    /// When the token ends.
    pub expires_at: Time,
}

/// How a token names its user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Id(UserId),
    Name(String),
}

impl Domain {
    /// Finds out who calls with an access token.
    ///
    /// # Errors
    /// The codes of 401.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        // Checked a moment ago, it is still what it was, but for its end.
        if let Some(caller) = self.0.identities.callers.get(token).filter(|caller| caller.expires_at > Utc::now()) {
            return self.admit(caller);
        }
        let known = self.0.identities.callers.changes();
        let caller = self.check(token).await?;
        self.0.identities.callers.put(token.into(), caller.clone(), known);
        self.admit(caller)
    }

    async fn check(&self, token: &str) -> Result<Caller, Error> {
        if bots::is_token(token) {
            return self.check_bot(token).await;
        }
        let (subject, expires_at) = self.0.signer.check(token)?;
        let (user, session) = match subject {
            Subject::Own { user, session } => (self.known(Who::Id(user)).await?, session),
            Subject::External { name } => {
                let user = match self.0.identities.find(Who::Name(name.clone())).await? {
                    Some(user) => user,
                    None => {
                        let known = self.0.identities.users.changes();
                        let made = accounts::find_or_make(&mut *self.connection().await?, &name).await?;
                        self.0.identities.remember(Who::Name(name), made, known)
                    }
                };
                (user, None)
            }
        };
        Ok(Caller { user, session, expires_at })
    }

    async fn check_bot(&self, token: &str) -> Result<Caller, Error> {
        let found = self.0.identities.bots.load(sessions::hash(token)).await?;
        let BotTokenSession { bot, session, expires_at, revoked_at } = found.ok_or(Error::TokenInvalid)?;
        if revoked_at.is_some() {
            return Err(Error::SessionRevoked);
        }
        if expires_at <= Utc::now() {
            return Err(Error::TokenExpired);
        }
        Ok(Caller { user: self.known(Who::Id(bot)).await?, session: Some(session), expires_at })
    }

    /// Finds out who calls with a ticket, which is spent by it.
    ///
    /// # Errors
    /// The codes of 401.
    pub async fn redeem(&self, ticket: &str) -> Result<Caller, Error> {
        let ticket = self.take_ticket(ticket).await?;
        let user = self.known(Who::Id(ticket.user_id)).await?;
        self.admit(Caller { user, session: ticket.session_id, expires_at: ticket.token_expires_at })
    }

    /// Forgets users that have not called lately, until it is dropped.
    pub async fn forget_identities(&self) {
        loop {
            tokio::time::sleep(TRUST).await;
            self.0.identities.forget();
        }
    }

    async fn known(&self, who: Who) -> Result<Arc<UserRow>, Error> {
        self.0.identities.find(who).await?.ok_or(Error::TokenInvalid)
    }

    fn admit(&self, caller: Caller) -> Result<Caller, Error> {
        if caller.user.disabled_at.is_some() || self.revocations().has_ended(caller.user.id, caller.session) {
            return Err(Error::SessionRevoked);
        }
        Ok(caller)
    }
}

/// Users that called lately. Those who come at the same time, and are not among them, are read in one query.
pub struct Identities {
    /// By their tokens.
    callers: Remembered<Box<str>, Caller>,
    users: Remembered<Who, Arc<UserRow>>,
    rounds: DataLoader<Who, Option<UserRow>>,
    /// By the hashes of tokens.
    bots: DataLoader<Vec<u8>, Option<BotTokenSession>>,
}

impl Identities {
    /// Remembers nobody yet.
    pub fn new(pool: Pool) -> Self {
        let of_bots = pool.clone();
        let bots = DataLoader::start(AT_ONCE, move |hashes| {
            let pool = of_bots.clone();
            async move { read_bots(&pool, hashes).await }
        });
        let rounds = DataLoader::start(AT_ONCE, move |asked| {
            let pool = pool.clone();
            async move { read(&pool, asked).await }
        });
        Self { callers: Remembered::default(), users: Remembered::default(), rounds, bots }
    }

    async fn find(&self, who: Who) -> Result<Option<Arc<UserRow>>, Error> {
        if let Some(user) = self.users.get(&who) {
            return Ok(Some(user));
        }
        let known = self.users.changes();
        Ok(self.rounds.load(who.clone()).await?.map(|user| self.remember(who, user, known)))
    }

    fn remember(&self, who: Who, user: UserRow, known: u64) -> Arc<UserRow> {
        let user = Arc::new(user);
        self.users.put(who, user.clone(), known);
        user
    }

    /// Forgets a user who has changed.
    pub fn forget_user(&self, id: UserId) {
        // The users first: of them the callers are made.
        self.users.drop_those(|user| user.id == id);
        self.callers.drop_those(|caller| caller.user.id == id);
    }

    fn forget(&self) {
        self.callers.forget();
        self.users.forget();
    }
}

/// What was read or checked within [`TRUST`].
struct Remembered<K, V>(Mutex<Memory<K, V>>);

struct Memory<K, V> {
    entries: HashMap<K, (V, Instant)>,
    /// How often something has changed: what was read before the last time may be old.
    changes: u64,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Memory { entries: HashMap::new(), changes: 0 }))
    }
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.lock().entries.get(key).filter(|(_, since)| since.elapsed() < TRUST).map(|(value, _)| value.clone())
    }

    fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// Remembers what was read when there were so many `changes`, unless there has been one since.
    fn put(&self, key: K, value: V, changes: u64) {
        let mut memory = self.lock();
        if memory.changes != changes {
            return;
        }
        if memory.entries.len() >= MOST {
            memory.entries.clear();
        }
        memory.entries.insert(key, (value, Instant::now()));
    }

    fn drop_those(&self, changed: impl Fn(&V) -> bool) {
        let mut memory = self.lock();
        memory.changes += 1;
        memory.entries.retain(|_, (value, _)| !changed(value));
    }

    fn forget(&self) {
        let mut memory = self.lock();
        memory.entries.retain(|_, (_, since)| since.elapsed() < TRUST);
        memory.entries.shrink_to_fit();
    }

    fn lock(&self) -> MutexGuard<'_, Memory<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(pool: &Pool, asked: Vec<Who>) -> Result<Vec<Option<UserRow>>, StoreError> {
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for who in &asked {
        match who {
            Who::Id(id) => ids.push(*id),
            Who::Name(name) => names.push(name.clone()),
        }
    }
    let mut connection = pool.get().await?;
    let found = tokio::time::timeout(ANSWER, users::by_ids_or_names(&mut connection, &ids, &names)).await;
    let found = connection.settle(found)?;
    let by_id: HashMap<_, _> = found.iter().map(|user| (user.id, user)).collect();
    let by_name: HashMap<_, _> = found.iter().map(|user| (user.name.as_str(), user)).collect();
    let answer = |who: &Who| match who {
        Who::Id(id) => by_id.get(id).copied().cloned(),
        Who::Name(name) => by_name.get(name.as_str()).copied().cloned(),
    };
    Ok(asked.iter().map(answer).collect())
}

async fn read_bots(pool: &Pool, hashes: Vec<Vec<u8>>) -> Result<Vec<Option<BotTokenSession>>, StoreError> {
    let mut connection = pool.get().await?;
    let found = tokio::time::timeout(ANSWER, store::bots::token_sessions(&mut connection, &hashes)).await;
    connection.settle(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let remembered = Remembered::<&str, u32>::default();
        let before = remembered.changes();
        remembered.put("one", 1, before);
        remembered.put("two", 2, before);
        remembered.drop_those(|value| *value == 1);
        remembered.put("one", 1, before);
        assert_eq!((remembered.get("one"), remembered.get("two")), (None, Some(2)));
        remembered.put("one", 10, remembered.changes());
        assert_eq!(remembered.get("one"), Some(10));
    }
}
