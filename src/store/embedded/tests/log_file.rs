use super::*;

#[test]
fn log_file_stays_small_and_keeps_its_end() {
    let dir = std::env::temp_dir().join(format!("longwave-log-{}", uuid::Uuid::new_v4()));
    fs::create_dir(&dir).unwrap();
    let log = LogFile(dir.join("postgres.log"));
    let lines: String = (0..900_000).map(|n| format!("line {n}\n")).collect();
    assert!(lines.len() as u64 > 2 * MAX_LOG_BYTES);
    log.fill(lines.as_bytes());
    let sizes = ["postgres.log", "postgres.log.old"].map(|name| fs::metadata(dir.join(name)).unwrap().len());
    assert!(sizes.iter().all(|size| *size < MAX_LOG_BYTES + 8_192), "{sizes:?}");
    assert!(log.tail().ends_with("line 899998\nline 899999"));
    assert!(log.tail().len() as u64 <= LOG_TAIL_BYTES);
    fs::remove_dir_all(dir).unwrap();
}
