//! From a name to the addresses that a delivery may connect to. The connection is made to what was checked here, so a
//! name that is public when it is looked at and private when it is used gains nothing.

use super::address::is_public;
use super::target::Targets;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{SocketAddr, ToSocketAddrs};

/// No address that may be connected to stands behind a name.
#[derive(Debug, thiserror::Error)]
#[error("the name has no address of the public internet")]
pub struct NoAddress;

/// Resolves names for the client that delivers.
pub struct Resolver(pub Targets);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (name, targets) = (name.as_str().to_owned(), self.0.clone());
        Box::pin(async move {
            let found = resolve(name, targets).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a name that may be connected to; the port is left to the client.
///
/// # Errors
/// As the system has it, or [`NoAddress`].
pub async fn resolve(
    name: String,
    targets: Targets,
) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    let permit = targets.lookups.acquire_owned().await?;
    let found = tokio::task::spawn_blocking(move || {
        // Held until the system answers, whether or not anybody still waits for it.
        let _permit = permit;
        (name.as_str(), 0).to_socket_addrs()
    });
    let allowed: Vec<_> = found.await??.filter(|address| targets.private || is_public(address.ip())).collect();
    if allowed.is_empty() { Err(NoAddress.into()) } else { Ok(allowed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Switch;

    #[tokio::test]
    async fn a_name_of_this_machine_has_no_address_unless_private_ones_are_allowed() {
        let resolve = |private| resolve("localhost".into(), Targets::new(private));
        assert!(resolve(Switch::Off).await.unwrap_err().is::<NoAddress>());
        assert!(resolve(Switch::On).await.unwrap().iter().all(|address| address.ip().is_loopback()));
    }
}
