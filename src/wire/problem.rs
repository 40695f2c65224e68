//! Why requests are refused.

use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was refused (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// `urn:longwave:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:longwave:problem:not_found")]
    pub kind: String,
    #[schema(example = "Not found")]
    pub title: &'static str,
    #[schema(example = 404)]
    pub status: u16,
    /// What to do about it.
    pub detail: String,
    #[schema(example = "not_found")]
    pub code: &'static str,
    /// As in `X-Request-Id`.
    pub request_id: String,
    /// Which fields are wrong, and how.
    pub errors: Vec<FieldError>,
    /// With `cursor_unknown` and `cursor_expired`: where to go on from, once the state is fetched anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// One field of a request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// As in `to[1]`.
    #[schema(example = "text")]
    pub field: String,
    pub detail: String,
}
