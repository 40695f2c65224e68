//! Which URLs a webhook may have. They are checked when it is registered, and again at each delivery.

use crate::config::Switch;
use crate::domain::webhooks::address::is_public;
use crate::domain::webhooks::resolver::WebhookResolver;
use reqwest::Url;
use std::net::IpAddr;
use std::time::Duration;

/// Bytes of a URL.
const MAX_URL_BYTES: usize = 2_048;
/// Ports that public targets may have. Other ports may be those of databases and mail servers.
const PUBLIC_PORTS: [u16; 4] = [80, 443, 8080, 8443];
/// How long a name may take to be resolved while somebody waits for the answer.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Which targets are accepted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TargetPolicy {
    /// Knows whether targets may be private, and then on any port.
    resolver: WebhookResolver,
}

impl TargetPolicy {
    /// Takes the setting.
    pub fn new(private: Switch) -> Self {
        Self { resolver: WebhookResolver::new(private) }
    }

    /// The resolver that deliveries use.
    pub fn resolver(&self) -> &WebhookResolver {
        &self.resolver
    }

    /// Parses and checks the URL of a target; the error says what is wrong with it.
    pub fn read(&self, text: &str) -> Result<Url, &'static str> {
        if text.len() > MAX_URL_BYTES {
            return Err("has more than 2048 bytes");
        }
        // The URL parser would drop or escape them.
        if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return Err("has spaces or control characters");
        }
        let url = Url::parse(text).map_err(|_| "is no absolute URL")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("is neither http nor https");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a user name or password");
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if port == 0 || !self.resolver.allows_private() && !PUBLIC_PORTS.contains(&port) {
            return Err("has a port other than 80, 443, 8080 and 8443");
        }
        match host(&url) {
            None => Err("has no host"),
            Some(_) if self.resolver.allows_private() => Ok(url),
            Some(TargetHost::Address(address)) if !is_public(address) => {
                Err("is not an address of the public internet")
            }
            Some(TargetHost::Name(name)) if is_local(name) => Err("is not an address of the public internet"),
            Some(_) => Ok(url),
        }
    }

    /// Resolves the name of a target, and checks that it has a public address. Nothing is to be done for an address.
    pub async fn look_up(&self, url: &Url) -> Result<(), &'static str> {
        match host(url) {
            Some(TargetHost::Name(name)) if !self.resolver.allows_private() => {
                let lookup = self.resolver.lookup(name.to_owned());
                match tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await {
                    Ok(Ok(_)) => Ok(()),
                    // The same error for all causes, so that nobody learns which internal names exist.
                    _ => Err("is a name that no address of the public internet stands behind"),
                }
            }
            _ => Ok(()),
        }
    }
}

/// The host of a target.
enum TargetHost<'a> {
    Address(IpAddr),
    Name(&'a str),
}

/// The host as the URL parser reads it, which knows all spellings of an IPv4 address.
fn host(url: &Url) -> Option<TargetHost<'_>> {
    let text = url.host_str().filter(|text| !text.is_empty())?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    Some(bare.parse().map_or(TargetHost::Name(text), TargetHost::Address))
}

/// Names that mean this machine (RFC 6761).
fn is_local(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
#[path = "tests/target.rs"]
mod tests;
