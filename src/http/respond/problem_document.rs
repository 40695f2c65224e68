//! Makes the document of every refusal, also of those that a library made.

use super::problem::Problem;
use super::problem_code::ProblemCode;
use axum::response::Response;
use hyper::HeaderMap;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};

/// Makes the document of a refusal, which takes the response's place: of ours from its [`Problem`], of a library's from its
/// status. None: it is no refusal, or has its document.
pub fn refusal_document<B>(response: &mut hyper::Response<B>, id: &str) -> Option<Response> {
    let status = response.status();
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return Some(merged(problem.into_document(id), response.headers()));
    }
    let refused = status.is_client_error() || status.is_server_error();
    let is_document = response.headers().get(CONTENT_TYPE).is_some_and(|media| media == "application/problem+json");
    if !refused || is_document {
        return None;
    }
    let detail = match ProblemCode::of_status(status) {
        ProblemCode::NotFound => "there is no such path, see /docs for those there are",
        ProblemCode::MethodNotAllowed => "this path does not take this method, see the Allow header",
        ProblemCode::Internal => "this is a fault of the server, its log has the cause under this request's id",
        ProblemCode::Unavailable => "the database does not answer, try again",
        _ => "the request cannot be read",
    };
    Some(merged(Problem::new(ProblemCode::of_status(status), detail).into_document(id), response.headers()))
}

/// Keeps the headers of the refusal, each with all its values, but for those of its body.
fn merged(mut document: Response, headers: &HeaderMap) -> Response {
    let mut kept = headers.clone();
    kept.remove(CONTENT_TYPE);
    kept.remove(CONTENT_LENGTH);
    // The first value of a name takes the place of the document's own, the others are appended.
    document.headers_mut().extend(kept);
    document
}

#[cfg(test)]
#[path = "tests/problem_document.rs"]
mod tests;
