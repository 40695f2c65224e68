use super::*;

#[test]
fn origin_that_only_looks_like_this_machine_is_none_of_it() {
    for (origin, loopback) in [
        ("http://localhost", true),
        ("http://localhost:3000", true),
        ("https://127.0.0.1:8443", true),
        ("http://127.8.8.8", true),
        ("http://[::1]:5173", true),
        ("http://[::1]", true),
        ("http://localhost.example.com", false),
        ("http://example.com:80", false),
        ("http://localhost@example.com", false),
        ("http://localhost:80.example.com", false),
        ("http://128.0.0.1", false),
        ("http://10.0.0.1", false),
        ("http://[::2]", false),
        ("capacitor://localhost", false),
        ("null", false),
        ("localhost", false),
    ] {
        assert_eq!(is_loopback(&HeaderValue::from_static(origin)), loopback, "{origin}");
    }
}
