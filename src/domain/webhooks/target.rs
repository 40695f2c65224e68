//! What a webhook may be pointed at. Judged when it is registered, and again at each delivery.

use super::address::is_public;
use super::resolver;
use crate::config::Switch;
use reqwest::Url;
use std::net::IpAddr;
use std::time::Duration;

/// Bytes of an address.
const LONGEST: usize = 2_048;
/// Ports of the public internet that answer HTTP; behind others are databases and mail servers.
const PORTS: [u16; 4] = [80, 443, 8080, 8443];
/// How long a name may take to be resolved while somebody waits for the answer.
const RESOLVED_WITHIN: Duration = Duration::from_secs(5);

/// Which targets are taken.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    /// Whether they may be private, and on any port.
    pub private: bool,
}

impl Targets {
    /// Takes the setting.
    pub fn new(private: Switch) -> Self {
        Self { private: private == Switch::On }
    }

    /// Reads the address of a target; says what is wrong with it otherwise.
    pub fn read(self, text: &str) -> Result<Url, &'static str> {
        if text.len() > LONGEST {
            return Err("has more than 2048 bytes");
        }
        // The parser would drop or escape them.
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
        if port == 0 || !self.private && !PORTS.contains(&port) {
            return Err("has a port other than 80, 443, 8080 and 8443");
        }
        match host(&url) {
            None => Err("has no host"),
            Some(_) if self.private => Ok(url),
            Some(Host::Address(address)) if !is_public(address) => Err("is not an address of the public internet"),
            Some(Host::Name(name)) if is_local(name) => Err("is not an address of the public internet"),
            Some(_) => Ok(url),
        }
    }

    /// Checks that a public address stands behind the name of a target, if it is a name.
    pub async fn look_up(self, url: &Url) -> Result<(), &'static str> {
        match host(url) {
            Some(Host::Name(name)) if !self.private => {
                let resolving = resolver::resolve(name.to_owned(), self);
                match tokio::time::timeout(RESOLVED_WITHIN, resolving).await {
                    Ok(Ok(_)) => Ok(()),
                    // One answer for all, so that nobody learns which names there are behind this server.
                    _ => Err("is a name that no address of the public internet stands behind"),
                }
            }
            _ => Ok(()),
        }
    }
}

/// What a target is called by.
enum Host<'a> {
    Address(IpAddr),
    Name(&'a str),
}

/// The host as the parser has it, which knows all the ways to spell an IPv4 address.
fn host(url: &Url) -> Option<Host<'_>> {
    let text = url.host_str().filter(|text| !text.is_empty())?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    Some(bare.parse().map_or(Host::Name(text), Host::Address))
}

/// Names that mean this machine (RFC 6761).
fn is_local(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> bool {
        Targets { private: false }.read(text).is_ok()
    }

    #[test]
    fn public_targets_are_taken() {
        for text in [
            "http://hooks.example.com",
            "https://hooks.example.com/a/b?c=d",
            "https://1.1.1.1:8443/x",
            "http://[2606:4700:4700::1111]:8080/",
            "https://bücher.example/",
        ] {
            assert!(judged(text), "{text}");
        }
    }

    #[test]
    fn every_spelling_of_a_private_target_is_refused() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0",
            "0.0.0.0",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0177.1",
            "017700000001",
            "127.0.0.1.",
            "１２７.０.０.１",
            "127。0。0。1",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fc00::1]",
            "169.254.169.254",
            "10.0.0.1",
            "localhost",
            "localhost.",
            "LOCALHOST",
            "a.localhost",
        ] {
            assert!(!judged(&format!("http://{host}/")), "{host}");
        }
    }

    #[test]
    fn other_schemes_user_names_ports_and_nonsense_are_refused() {
        for text in [
            "file:///etc/passwd",
            "gopher://example.com/",
            "ftp://example.com/",
            "http://a@127.0.0.1/",
            "http://a@example.com/",
            "http://:b@example.com/",
            "http://example.com:5432/",
            "http://example.com:0/",
            "http://example.com:22/",
            "http://example.com/\n",
            "http://exa mple.com/",
            " http://example.com/",
            "http://",
            "//example.com",
            "example.com",
            "",
            &format!("http://example.com/{}", "a".repeat(LONGEST)),
        ] {
            assert!(!judged(text), "{text}");
        }
    }

    #[test]
    fn private_targets_are_taken_where_they_are_allowed_but_not_with_user_names() {
        let targets = Targets { private: true };
        assert!(targets.read("http://127.0.0.1:5432/x").is_ok() && targets.read("http://localhost:1/").is_ok());
        assert!(targets.read("http://a@127.0.0.1/").is_err() && targets.read("file:///x").is_err());
    }
}
