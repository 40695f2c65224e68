//! Looks inside cursors, to make dead ones and to compare with the log. Clients must not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Answers version, epoch and position.
fn parts(cursor: &str) -> [i64; 3] {
    let plain = URL_SAFE_NO_PAD.decode(cursor).expect("an encoded cursor");
    let plain = String::from_utf8(plain).expect("text in a cursor");
    let parts: Vec<i64> = plain.split('.').map(|part| part.parse().expect("a number")).collect();
    parts.try_into().unwrap_or_else(|_| panic!("a cursor of three parts, not {plain}"))
}

fn encode([version, epoch, position]: [i64; 3]) -> String {
    URL_SAFE_NO_PAD.encode(format!("{version}.{epoch}.{position}"))
}

/// Answers the position in the log.
pub fn position(cursor: &str) -> i64 {
    parts(cursor)[2]
}

/// Answers a cursor of the same log, `steps` after `cursor`.
pub fn moved(cursor: &str, steps: i64) -> String {
    let [version, epoch, position] = parts(cursor);
    encode([version, epoch, position + steps])
}

/// Answers a cursor of a log that nobody knows.
pub fn foreign(cursor: &str) -> String {
    let [version, epoch, position] = parts(cursor);
    encode([version, epoch ^ 1, position])
}
