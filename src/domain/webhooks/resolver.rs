//! From a name to the addresses that a delivery may connect to. The connection is made to what was checked here, so a
//! name that is public when it is checked and private when it is used gains nothing.

use crate::config::Switch;
use crate::domain::webhooks::address::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Names that are resolved at the same time: each takes a thread of those that passwords and files need too, for as
/// long as the name's own servers like.
const MAX_CONCURRENT_LOOKUPS: usize = 64;

/// No address that may be connected to stands behind a name.
#[derive(Debug, thiserror::Error)]
#[error("the name has no address of the public internet")]
pub struct NoPublicAddress;

/// Resolves names, for the check of a new target and for the client that delivers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WebhookResolver {
    allow_private: bool,
    /// A permit for each lookup under way.
    lookups: Arc<Semaphore>,
}

impl WebhookResolver {
    /// Takes the setting.
    pub fn new(private: Switch) -> Self {
        Self { allow_private: private == Switch::On, lookups: Arc::new(Semaphore::new(MAX_CONCURRENT_LOOKUPS)) }
    }

    /// Whether addresses that are not of the public internet are taken too.
    pub fn allows_private(&self) -> bool {
        self.allow_private
    }

    /// The addresses of a name that may be connected to; the port is left to the client.
    ///
    /// # Errors
    /// [`NoPublicAddress`], or what the system's resolver says.
    pub async fn lookup(&self, name: String) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let permit = self.lookups.clone().acquire_owned().await?;
        let found = tokio::task::spawn_blocking(move || {
            // Held until the system answers, whether or not anybody still waits for it.
            let _permit = permit;
            (name.as_str(), 0).to_socket_addrs()
        });
        let allowed: Vec<_> = found.await??.filter(|address| self.allow_private || is_public(address.ip())).collect();
        if allowed.is_empty() { Err(NoPublicAddress.into()) } else { Ok(allowed) }
    }
}

impl Resolve for WebhookResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (name, resolver) = (name.as_str().to_owned(), self.clone());
        Box::pin(async move {
            let found = resolver.lookup(name).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
#[path = "tests/resolver.rs"]
mod tests;
