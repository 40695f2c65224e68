//! From a name to the addresses that a delivery may connect to. The connection is made to what was checked here, so a
//! name that is public when it is looked at and private when it is used gains nothing.

use super::address::is_public;
use super::target::Targets;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;

/// No address that may be connected to stands behind a name.
#[derive(Debug, thiserror::Error)]
#[error("the name has no address of the public internet")]
pub struct NoAddress;

/// Resolves names for the client that delivers.
pub struct Resolver(pub Targets);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (name, targets) = (name.as_str().to_owned(), self.0);
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
    let found = tokio::net::lookup_host((name, 0)).await?;
    let allowed: Vec<_> = found.filter(|address| targets.private || is_public(address.ip())).collect();
    if allowed.is_empty() { Err(NoAddress.into()) } else { Ok(allowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_of_this_machine_has_no_address_unless_private_ones_are_allowed() {
        let resolve = |private| resolve("localhost".into(), Targets { private });
        assert!(resolve(false).await.unwrap_err().is::<NoAddress>());
        assert!(resolve(true).await.unwrap().iter().all(|address| address.ip().is_loopback()));
    }
}
