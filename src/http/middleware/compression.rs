//! Which responses are compressed.

use hyper::Response;
use hyper::body::Body;
use hyper::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use tower_http::compression::predicate::Predicate;

/// Bytes above which compression pays: what is smaller fits into one packet as it is.
const COMPRESS_ABOVE_BYTES: u64 = 1024;

/// Chooses successful JSON responses whose size is known and above 1 KiB. That leaves out streams, lines of JSON,
/// attachments, and every response that was handed over, which has no body here.
#[derive(Clone, Copy)]
pub struct LargeJson;

impl Predicate for LargeJson {
    fn should_compress<B: Body>(&self, response: &Response<B>) -> bool {
        let headers = response.headers();
        let has = |name, wanted: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(wanted))
        };
        // The length of the router's comes first: that of HEAD has no body, and is to say what GET would.
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let length = length.or_else(|| response.body().size_hint().exact());
        response.status().is_success()
            && length.is_some_and(|length| length > COMPRESS_ABOVE_BYTES)
            && headers.get(CONTENT_TYPE).is_some_and(|media| media == "application/json")
            && !has(CACHE_CONTROL, "no-transform")
            // Files are sent byte for byte, and a strong ETag names these bytes.
            && ![CONTENT_DISPOSITION, ETAG].iter().any(|name| headers.contains_key(name))
    }
}
