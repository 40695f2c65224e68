//! Parameters of queries.

use crate::domain::invalid;
use crate::http::respond::problem::{Problem, malformed};
use axum::extract::FromRequestParts;
use hyper::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The query parameters of a request. Unknown ones are refused, by `deny_unknown_fields` on `T`.
pub struct QueryParams<T>(pub T);

/// No parameters at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// Refuses all parameters.
pub type NoQuery = QueryParams<NoParams>;

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|error| refused("", &error))?;
        if let Some((name, _)) = pairs.iter().find(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return Err(invalid(name.replace('\0', ""), "U+0000 is not taken").into());
        }
        let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(deserializer).map(Self).map_err(|error| {
            let field = error.path().to_string();
            refused(if field == "." { "" } else { &field }, error.inner())
        })
    }
}

fn refused(field: &str, error: &serde_urlencoded::de::Error) -> Problem {
    malformed(field, error.to_string())
}
