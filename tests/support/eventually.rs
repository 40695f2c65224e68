//! Waiting for conditions with a deadline, instead of sleeping and hoping.

use std::time::Duration;

use tokio::time::Instant;

const PROBE_EVERY: Duration = Duration::from_millis(20);

/// Asks `probe` again and again until it answers `Some`.
///
/// # Panics
/// When `deadline` has passed; the message names `what`.
pub async fn eventually<T>(what: &str, deadline: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        match tokio::time::timeout_at(end, probe()).await {
            Ok(Some(value)) => return value,
            Ok(None) if Instant::now() < end => tokio::time::sleep(PROBE_EVERY).await,
            _ => panic!("waited {deadline:?} in vain: {what}"),
        }
    }
}

/// Awaits `future` for at most `deadline`.
///
/// # Panics
/// When `deadline` has passed; the message names `what`.
pub async fn within<T>(what: &str, deadline: Duration, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(deadline, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {deadline:?} in vain: {what}"),
    }
}
