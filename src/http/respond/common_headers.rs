//! Headers that every response of a node has, whatever it answers.

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Keeps browsers from guessing media types, leaking URLs to other sites, and framing pages.
pub const COMMON_HEADERS: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'none'")),
];
