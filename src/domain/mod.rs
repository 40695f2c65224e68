//! The rules: who may do what, and the writes that follow from it.
//!
//! Everything here answers an [`Error`] that leaves nothing half done. Writes to conversations go through the log and
//! nowhere else, so that what is delivered live is what history holds. Called by `http`; one [`Domain`] a node.

pub mod accounts;
pub mod conversations;
pub mod cursors;
mod error;
mod founding;
pub mod idempotency;
pub mod identity;
mod joining;
mod leaving;
pub mod members;
pub mod messages;
pub mod names;
mod passwords;
pub mod presence;
pub mod revocations;
pub mod sessions;
mod text;
mod tokens;
mod visibility;

pub use error::{Error, invalid};
pub use identity::Caller;
pub use text::is_lone_surrogate;

use crate::config::{Config, Switch, Tokens};
use crate::log::Log;
use crate::store::{Pool, Pooled, StoreError};
use idempotency::Marks;
use identity::Identities;
use passwords::Passwords;
use revocations::Revocations;
use std::sync::Arc;
use tokens::Signer;

/// What the rules need. Cheap to clone.
#[derive(Clone)]
pub struct Domain(Arc<Parts>);

struct Parts {
    log: Log,
    signer: Signer,
    marks: Marks,
    passwords: Passwords,
    identities: Identities,
    revocations: Revocations,
    max_members: usize,
    registration: Switch,
}

impl Domain {
    /// Fetches the deployment's keys, and knows from then on who is who.
    ///
    /// # Errors
    /// PostgreSQL cannot be reached.
    pub async fn open(log: Log, config: &Config) -> Result<Self, StoreError> {
        let mut connection = log.pool().get().await?;
        let signer = Signer::open(&mut connection, &config.tokens).await?;
        let marks = Marks::open(&mut connection).await?;
        drop(connection);
        let revocations = Revocations::default();
        revocations.look_back(log.pool()).await?;
        let identities = Identities::new(log.pool().clone());
        Ok(Self(Arc::new(Parts {
            log,
            signer,
            marks,
            passwords: Passwords::default(),
            identities,
            revocations,
            max_members: config.max_members as usize,
            registration: config.registration,
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

    fn pool(&self) -> &Pool {
        self.0.log.pool()
    }

    async fn connection(&self) -> Result<Pooled, StoreError> {
        self.pool().get().await
    }
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
