//! How long requests may take.

use super::body_time::body_timeout;
use std::time::Duration;

/// A request with a body of the largest JSON size on the slowest line, and its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);
/// A long poll waits at most 55 s, and reads before that.
const POLL_TIMEOUT: Duration = Duration::from_secs(75);
/// The largest upload on the slowest line, and as long as other requests to store it.
const UPLOAD_REQUEST_TIMEOUT: Duration =
    Duration::from_secs(body_timeout(MAX_UPLOAD_BYTES).as_secs() + REQUEST_TIMEOUT.as_secs());

/// Most bytes of an attachment: a long video note or a photo as the camera made it.
pub const MAX_UPLOAD_BYTES: usize = 25 * 1024 * 1024;

/// How long a request to `path` may take.
pub fn request_timeout(path: &str) -> Duration {
    match path {
        "/v1/updates" => POLL_TIMEOUT,
        "/v1/attachments" => UPLOAD_REQUEST_TIMEOUT,
        _ => REQUEST_TIMEOUT,
    }
}
