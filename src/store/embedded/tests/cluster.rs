use super::*;

#[test]
fn url_escapes_the_socket_directory() {
    let url = url(Path::new("/tmp/a b,ä"));
    assert_eq!(url, "postgres://longwave@%2Ftmp%2Fa%20b%2C%C3%A4/longwave");
}

#[test]
fn settings_of_the_caller_come_last_and_the_socket_directory_is_quoted() {
    let settings = [("fsync".to_owned(), "off".to_owned())];
    let arguments = arguments(Path::new("/d"), Path::new("/s\"x"), &settings);
    assert_eq!(arguments[..2], ["-D", "/d"]);
    let socket = arguments.len() - 3;
    assert_eq!(arguments[socket], *"unix_socket_directories=\"/s\"\"x\"");
    assert_eq!(arguments[socket + 2], *"fsync=off");
}
