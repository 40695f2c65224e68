use super::*;

fn judged(text: &str) -> bool {
    TargetPolicy::new(Switch::Off).read(text).is_ok()
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
fn private_target_is_refused_in_every_spelling() {
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
        &format!("http://example.com/{}", "a".repeat(MAX_URL_BYTES)),
    ] {
        assert!(!judged(text), "{text}");
    }
}

#[test]
fn private_targets_are_taken_where_they_are_allowed_but_not_with_user_names() {
    let targets = TargetPolicy::new(Switch::On);
    assert!(targets.read("http://127.0.0.1:5432/x").is_ok() && targets.read("http://localhost:1/").is_ok());
    assert!(targets.read("http://a@127.0.0.1/").is_err() && targets.read("file:///x").is_err());
}
