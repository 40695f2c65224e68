use super::*;

#[test]
fn pid_file_is_read_in_every_state() {
    let ready = b"4711\n/d/postgres\n1700000000\n5432\n/d/socket\n\n   1 2\nready   \n";
    let file = PidFile::parse(ready).unwrap();
    assert_eq!(file.pid.as_raw_nonzero().get(), 4711);
    assert_eq!(file.socket_dir, Path::new("/d/socket"));
    assert!(file.ready);

    let starting = b"4711\n/d/postgres\n1700000000\n5432\n/d/socket\n\n   1 2\nstarting\n";
    assert!(!PidFile::parse(starting).unwrap().ready);
    assert!(PidFile::parse(b"").is_none());
    assert!(PidFile::parse(b"-12\n/d\n1\n5432\n/s\n").is_none());
}
