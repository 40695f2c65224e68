use crate::http::respond::problem::Problem;
use crate::http::respond::problem_code::ProblemCode;
use axum::extract::FromRequestParts;
use hyper::Method;
use hyper::http::request::Parts;

/// Refuses HEAD, which would run the GET handler: a response without an end has no length.
pub struct GetOnly;

impl<S: Sync> FromRequestParts<S> for GetOnly {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.method == Method::HEAD {
            return Err(Problem::new(ProblemCode::MethodNotAllowed, "only GET receives events").with_allow("GET"));
        }
        Ok(Self)
    }
}
