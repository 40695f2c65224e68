//! [`Domain`], the service that `http` calls, and what it is made of.
//!
//! This file knows the parts that keep state, and none of the rules: these are `impl Domain` blocks in files that
//! import it. A part that it holds must not import it.

use crate::config::{Config, Switch};
use crate::domain::auth::access_tokens::AccessTokenSigner;
use crate::domain::auth::identity_cache::IdentityCache;
use crate::domain::auth::passwords::Passwords;
use crate::domain::auth::revocations::Revocations;
use crate::domain::conversations::read_mark_queue::ReadMarkQueue;
use crate::domain::conversations::read_mark_writer::start_read_mark_queue;
use crate::domain::idempotency::request::RequestFingerprinter;
use crate::domain::webhooks::target::TargetPolicy;
use crate::log::Log;
use crate::store::files::FileStorage;
use crate::store::{Pool, PooledConnection, StoreError};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::{OnceCell, Semaphore};

/// Reports that a node makes at the same time.
const MAX_CONCURRENT_REPORTS: usize = 2;
/// Searches that a node runs at the same time: each may keep a core busy.
const MAX_CONCURRENT_SEARCHES: usize = 4;

/// The rules, with what they need. Cheap to clone.
#[derive(Clone)]
pub struct Domain(pub(super) Arc<DomainParts>);

/// What a [`Domain`] is made of.
pub(super) struct DomainParts {
    pub log: Log,
    pub files: FileStorage,
    pub signer: AccessTokenSigner,
    pub fingerprinter: RequestFingerprinter,
    pub passwords: Passwords,
    pub identities: IdentityCache,
    pub revocations: Revocations,
    /// A permit for each search that may run.
    pub search_permits: Semaphore,
    pub read_marks: ReadMarkQueue,
    pub max_members: usize,
    pub registration: Switch,
    pub webhook_targets: TargetPolicy,
    /// A permit for each report that may be made: reports read much, and must leave connections to others.
    pub report_permits: Semaphore,
    /// The names of all time zones, once they were read from PostgreSQL.
    pub time_zones: OnceCell<HashSet<String>>,
}

impl Domain {
    /// Fetches the deployment's keys and the recent revocations.
    ///
    /// # Errors
    /// PostgreSQL cannot be reached.
    pub async fn open(log: Log, files: FileStorage, config: &Config) -> Result<Self, StoreError> {
        let mut connection = log.pool().get().await?;
        let signer = AccessTokenSigner::open(&mut connection, &config.tokens).await?;
        let fingerprinter = RequestFingerprinter::open(&mut connection).await?;
        drop(connection);
        let revocations = Revocations::default();
        revocations.load_recent(log.pool()).await?;
        let identities = IdentityCache::new(log.pool().clone());
        let read_marks = start_read_mark_queue(log.clone());
        Ok(Self(Arc::new(DomainParts {
            log,
            files,
            signer,
            fingerprinter,
            passwords: Passwords::default(),
            identities,
            revocations,
            search_permits: Semaphore::new(MAX_CONCURRENT_SEARCHES),
            read_marks,
            max_members: config.max_members as usize,
            registration: config.registration,
            webhook_targets: TargetPolicy::new(config.webhook_private_targets),
            report_permits: Semaphore::new(MAX_CONCURRENT_REPORTS),
            time_zones: OnceCell::new(),
        })))
    }

    /// Sessions that were revoked and users who were disabled.
    pub fn revocations(&self) -> &Revocations {
        &self.0.revocations
    }

    /// Follows what other nodes revoke, until it is dropped.
    pub async fn follow_revocations(&self) {
        let wakeups = self.0.log.wakeups().sessions();
        self.0.revocations.follow(self.pool(), wakeups).await;
    }

    /// Whether this node can still write to the log.
    pub fn is_writing(&self) -> bool {
        self.0.log.is_writing()
    }

    pub(super) fn pool(&self) -> &Pool {
        self.0.log.pool()
    }

    pub(super) async fn connection(&self) -> Result<PooledConnection, StoreError> {
        self.pool().get().await
    }
}

/// Runs work in a task of its own, so that it is finished also when the client goes away and the request is dropped.
pub(super) async fn run_to_completion<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
