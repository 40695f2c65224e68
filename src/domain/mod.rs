//! The rules: who may do what, and the writes that follow from it.
//!
//! Everything here answers an [`Error`] that leaves nothing half done. Writes to conversations go through the log and
//! nowhere else, so that what is delivered live is what history holds. Called by `http`; one [`Domain`] a node.

pub mod accounts;
pub mod attachments;
pub mod bots;
pub mod conversations;
pub mod cursors;
pub mod directory;
mod editing;
mod ending;
mod erasing;
mod error;
pub mod exporting;
mod founding;
pub mod history;
pub mod idempotency;
pub mod identity;
mod joining;
mod leaving;
pub mod marking;
pub mod members;
mod mentions;
pub mod messages;
pub mod names;
mod passwords;
pub mod presence;
mod profile;
mod reacting;
pub mod revocations;
pub mod search;
pub mod sessions;
pub mod settings;
mod showing;
pub mod statistics;
mod telling;
mod text;
mod tokens;
mod visibility;
pub mod webhooks;

pub use error::{Error, invalid};
pub use identity::Caller;
pub use text::is_lone_surrogate;

use crate::config::{Config, Switch, Tokens};
use crate::log::Log;
use crate::store::files::FileStorage;
use crate::store::{self, Pool, PooledConnection, StoreError, UserRole};
use idempotency::Marks;
use identity::Identities;
use marking::Marker;
use passwords::Passwords;
use revocations::Revocations;
use std::collections::HashSet;
use std::sync::Arc;
use tokens::Signer;
use tokio::sync::{OnceCell, Semaphore};

/// Reports that are made at the same time.
const REPORTS: usize = 2;

/// What the rules need. Cheap to clone.
#[derive(Clone)]
pub struct Domain(Arc<Parts>);

struct Parts {
    log: Log,
    files: FileStorage,
    signer: Signer,
    marks: Marks,
    passwords: Passwords,
    identities: Identities,
    revocations: Revocations,
    /// Leave to search.
    searches: Semaphore,
    marker: Marker,
    max_members: usize,
    registration: Switch,
    targets: webhooks::Targets,
    /// Places for what reads much, so that it leaves connections to others.
    reports: Semaphore,
    /// The names of all time zones, once they were asked for.
    zones: OnceCell<HashSet<String>>,
}

impl Domain {
    /// Fetches the deployment's keys, and knows from then on who is who.
    ///
    /// # Errors
    /// PostgreSQL cannot be reached.
    pub async fn open(log: Log, files: FileStorage, config: &Config) -> Result<Self, StoreError> {
        let mut connection = log.pool().get().await?;
        let signer = Signer::open(&mut connection, &config.tokens).await?;
        let marks = Marks::open(&mut connection).await?;
        drop(connection);
        let revocations = Revocations::default();
        revocations.look_back(log.pool()).await?;
        let identities = Identities::new(log.pool().clone());
        let marker = Marker::start(log.clone());
        Ok(Self(Arc::new(Parts {
            log,
            files,
            signer,
            marks,
            passwords: Passwords::default(),
            identities,
            revocations,
            searches: Semaphore::new(search::AT_ONCE),
            marker,
            max_members: config.max_members as usize,
            registration: config.registration,
            targets: webhooks::Targets::new(config.webhook_private_targets),
            reports: Semaphore::new(REPORTS),
            zones: OnceCell::new(),
        })))
    }

    /// Who has been logged out or disabled.
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

    fn pool(&self) -> &Pool {
        self.0.log.pool()
    }

    async fn connection(&self) -> Result<PooledConnection, StoreError> {
        self.pool().get().await
    }
}

/// Cuts a list of which one more was read than is wanted; answers whether there is more.
fn cut<T>(found: &mut Vec<T>, limit: usize) -> bool {
    let more = found.len() > limit;
    found.truncate(limit);
    more
}

/// Does what must not be left half done when the client goes away.
async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Makes a user an admin of the deployment, or an admin a user again; answers whether there is such a user. Nodes know it
/// within some seconds.
///
/// # Errors
/// PostgreSQL cannot be reached.
pub async fn set_admin(pool: &Pool, name: &str, admin: bool) -> Result<bool, StoreError> {
    let Some(name) = names::user_name(name) else { return Ok(false) };
    let role = if admin { UserRole::Admin } else { UserRole::User };
    store::users::set_role(&mut *pool.get().await?, &name, role).await
}

/// Makes an operator's token for the user `name`, who is made if need be.
///
/// # Errors
/// The name is none, or PostgreSQL cannot be reached.
pub async fn mint_token(
    pool: &Pool,
    tokens: &Tokens,
    name: &str,
    lifetime: std::time::Duration,
) -> Result<String, Error> {
    let mut connection = pool.get().await?;
    let signer = Signer::open(&mut connection, tokens).await?;
    let name = names::user_name(name).ok_or_else(|| invalid("name", names::USER_NAME_RULE))?;
    let user = accounts::find_or_make(&mut connection, &name).await?;
    Ok(signer.mint(user.id, None, lifetime))
}
