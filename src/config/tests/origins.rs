use super::*;

#[test]
fn origin_is_kept_as_browsers_write_it() {
    for (text, origin) in [
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.com:443", "https://app.example.com"),
        ("http://example.com:80", "http://example.com"),
        ("http://example.com:8080", "http://example.com:8080"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("*", "*"),
    ] {
        assert_eq!(parse_origin(text).as_deref(), Ok(origin), "{text}");
    }
}

#[test]
fn text_that_is_no_origin_is_refused() {
    for text in [
        "",
        "null",
        "example.com",
        "https://",
        "https://example.com/",
        "https://example.com/app",
        "https://a b",
        "://x",
    ] {
        assert!(parse_origin(text).is_err(), "{text}");
    }
}

#[test]
fn origins_that_are_not_given_are_those_of_this_machine() {
    assert_eq!(AllowedOrigins::of(&[]), AllowedOrigins::Loopback);
    assert_eq!(AllowedOrigins::of(&["https://a.example".into(), "*".into()]), AllowedOrigins::Any);
    assert_eq!(
        AllowedOrigins::of(&["https://a.example".into()]),
        AllowedOrigins::List(vec!["https://a.example".into()])
    );
}
