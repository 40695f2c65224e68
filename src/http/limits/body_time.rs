//! How long the body of a request may take.

use std::time::Duration;

/// How long a body of no size may take; its size adds to that.
const BODY_BASE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes a millisecond that a body must have: 16 KiB/s, less than any phone in reach of a network.
const MIN_BODY_BYTES_PER_MS: usize = 16;

/// How long a body may take of which so many bytes have arrived.
pub const fn body_timeout(received: usize) -> Duration {
    Duration::from_millis(BODY_BASE_TIMEOUT.as_millis() as u64 + (received / MIN_BODY_BYTES_PER_MS) as u64)
}
