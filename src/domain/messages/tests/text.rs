use super::*;

#[test]
fn metadata_loses_the_space_between_tokens_and_nothing_else() {
    let json = "{ \"a b\\\" \\\\\" :\n [1.0, 1e400 ,\"\\n \"] }";
    assert_eq!(without_space(json), "{\"a b\\\" \\\\\":[1.0,1e400,\"\\n \"]}");
}

#[test]
fn metadata_that_other_parsers_refuse_is_refused() {
    let nested = |depth| format!("{{\"a]\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    let check = |json: &str| check_metadata(&RawValue::from_string(json.to_owned()).unwrap());
    assert!(check(&nested(59)).is_ok());
    assert!(matches!(check(&nested(60)), Err(Error::Malformed(_))));
    assert!(matches!(check("{\"a\":1e400}"), Err(Error::Malformed(_))));
    assert!(matches!(check("[1]"), Err(Error::Invalid(_))));
}

#[test]
fn text_of_the_maximum_length_is_accepted_and_one_more_character_is_not() {
    assert!(check_text(&"ü".repeat(16_384)).is_ok());
    assert!(check_text(&"ü".repeat(16_385)).is_err());
    assert!(check_text("").is_err());
}
