//! Waiting for a wake-up, with a poll besides.

use std::time::Duration;
use tokio::sync::watch;

/// Waits until a value changes, but no longer than `poll_interval`. A wake-up is only a hint: who was woken or not
/// looks by itself.
///
/// When nobody can wake any more, the interval is waited out; otherwise the caller's loop would keep a core and a
/// connection busy.
pub async fn wait_for_wakeup<T>(wakeups: &mut watch::Receiver<T>, poll_interval: Duration) {
    let woken = async {
        if wakeups.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    // Either way the caller looks.
    let _ = tokio::time::timeout(poll_interval, woken).await;
}

#[cfg(test)]
#[path = "tests/wakeup.rs"]
mod tests;
