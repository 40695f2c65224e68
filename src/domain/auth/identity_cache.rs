//! A cache of callers and users, so that not every request makes a query.

use crate::domain::auth::caller::Caller;
use crate::domain::error::Error;
use crate::ids::UserId;
use crate::store::bots::BotTokenSession;
use crate::store::users::UserRow;
use crate::store::{self, DataLoader, Pool, StoreError, users};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an entry is used, for users and again for the callers that are made of them. Disabled users are refused
/// sooner, by the revocations.
pub(super) const IDENTITY_TTL: Duration = Duration::from_secs(10);
/// Entries of each cache. When it is full, all of them are dropped: clients that hold a stream show their token once,
/// and a larger cache would only hold memory.
const MAX_CACHED_IDENTITIES: usize = 4_096;
/// Users or tokens that are read in one query.
const MAX_IDENTITIES_PER_QUERY: usize = 1_000;

/// How a token names its user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum IdentityKey {
    Id(UserId),
    Name(String),
}

/// Users that called lately. Misses at the same time share one query.
pub struct IdentityCache {
    /// By their tokens.
    pub(super) callers: ExpiringCache<Box<str>, Caller>,
    pub(super) users: ExpiringCache<IdentityKey, Arc<UserRow>>,
    rounds: DataLoader<IdentityKey, Option<UserRow>>,
    /// By the hashes of tokens.
    pub(super) bots: DataLoader<Vec<u8>, Option<BotTokenSession>>,
}

impl IdentityCache {
    /// Starts empty.
    pub fn new(pool: Pool) -> Self {
        let of_bots = pool.clone();
        let bots = DataLoader::start(MAX_IDENTITIES_PER_QUERY, move |hashes| {
            let pool = of_bots.clone();
            async move { read_bots(&pool, hashes).await }
        });
        let rounds = DataLoader::start(MAX_IDENTITIES_PER_QUERY, move |asked| {
            let pool = pool.clone();
            async move { read_users(&pool, asked).await }
        });
        Self { callers: ExpiringCache::default(), users: ExpiringCache::default(), rounds, bots }
    }

    pub(super) async fn find(&self, key: IdentityKey) -> Result<Option<Arc<UserRow>>, Error> {
        if let Some(user) = self.users.get(&key) {
            return Ok(Some(user));
        }
        let known = self.users.changes();
        Ok(self.rounds.load(key.clone()).await?.map(|user| self.insert(key, user, known)))
    }

    pub(super) fn insert(&self, key: IdentityKey, user: UserRow, known: u64) -> Arc<UserRow> {
        let user = Arc::new(user);
        self.users.put(key, user.clone(), known);
        user
    }

    /// Drops a user who has changed.
    pub fn remove_user(&self, id: UserId) {
        // The users first, because callers are made of them.
        self.users.remove_where(|user| user.id == id);
        self.callers.remove_where(|caller| caller.user.id == id);
    }

    pub(super) fn evict_expired(&self) {
        self.callers.evict_expired();
        self.users.evict_expired();
    }
}

/// A cache whose entries are used for [`IDENTITY_TTL`].
pub(super) struct ExpiringCache<K, V>(Mutex<CacheEntries<K, V>>);

struct CacheEntries<K, V> {
    entries: HashMap<K, (V, Instant)>,
    /// Counts the changes: what was read before the last one may be stale, and is not put into the cache.
    changes: u64,
}

impl<K, V> Default for ExpiringCache<K, V> {
    fn default() -> Self {
        Self(Mutex::new(CacheEntries { entries: HashMap::new(), changes: 0 }))
    }
}

impl<K: Eq + Hash, V: Clone> ExpiringCache<K, V> {
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.lock().entries.get(key).filter(|(_, since)| since.elapsed() < IDENTITY_TTL).map(|(value, _)| value.clone())
    }

    pub(super) fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// Puts an entry that was read when there had been so many `changes`, unless there was another one since.
    pub(super) fn put(&self, key: K, value: V, changes: u64) {
        let mut cache = self.lock();
        if cache.changes != changes {
            return;
        }
        if cache.entries.len() >= MAX_CACHED_IDENTITIES {
            cache.entries.clear();
        }
        cache.entries.insert(key, (value, Instant::now()));
    }

    fn remove_where(&self, changed: impl Fn(&V) -> bool) {
        let mut cache = self.lock();
        cache.changes += 1;
        cache.entries.retain(|_, (value, _)| !changed(value));
    }

    fn evict_expired(&self) {
        let mut cache = self.lock();
        cache.entries.retain(|_, (_, since)| since.elapsed() < IDENTITY_TTL);
        cache.entries.shrink_to_fit();
    }

    fn lock(&self) -> MutexGuard<'_, CacheEntries<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read_users(pool: &Pool, asked: Vec<IdentityKey>) -> Result<Vec<Option<UserRow>>, StoreError> {
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for key in &asked {
        match key {
            IdentityKey::Id(id) => ids.push(*id),
            IdentityKey::Name(name) => names.push(name.clone()),
        }
    }
    let found = pool.ask(async |connection| users::by_ids_or_names(connection, &ids, &names).await).await?;
    let by_id: HashMap<_, _> = found.iter().map(|user| (user.id, user)).collect();
    let by_name: HashMap<_, _> = found.iter().map(|user| (user.name.as_str(), user)).collect();
    let answer = |key: &IdentityKey| match key {
        IdentityKey::Id(id) => by_id.get(id).copied().cloned(),
        IdentityKey::Name(name) => by_name.get(name.as_str()).copied().cloned(),
    };
    Ok(asked.iter().map(answer).collect())
}

async fn read_bots(pool: &Pool, hashes: Vec<Vec<u8>>) -> Result<Vec<Option<BotTokenSession>>, StoreError> {
    pool.ask(async |connection| store::bots::token_sessions(connection, &hashes).await).await
}

#[cfg(test)]
#[path = "tests/identity_cache.rs"]
mod tests;
