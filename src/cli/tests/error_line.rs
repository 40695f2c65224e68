use super::of_invalid_value;
use crate::config::Config;

fn line(arguments: &[&str]) -> Option<String> {
    let error = Config::try_from_args(arguments.iter().copied()).expect_err("an invalid command line");
    of_invalid_value(&error)
}

#[test]
fn line_of_an_invalid_value_names_its_setting_and_not_the_value() {
    let line_of_key = line(&["--jwt-secret", "short key"]).expect("a line");
    assert_eq!(line_of_key, "error: --jwt-secret <KEY>: has 9 bytes, needs 32 or more");
    let line_of_switch = line(&["--registration", "perhaps"]).expect("a line");
    assert_eq!(line_of_switch, "error: --registration <REGISTRATION>: is not one of the possible values, see --help");
    let line_of_url = line(&["--database-url", "mysql://user:password@host"]).expect("a line");
    assert!(line_of_url.starts_with("error: --database-url <URL>: ") && !line_of_url.contains("password"));
}

#[test]
fn other_errors_have_no_line() {
    assert_eq!(line(&["--no-such-flag"]), None);
}
