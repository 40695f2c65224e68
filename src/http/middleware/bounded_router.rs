//! The router within its bounds: the size of a request's head, and the time that it may take.

use crate::http::limits::request_time::request_timeout;
use crate::http::respond::problem::Problem;
use crate::http::respond::problem_code::ProblemCode;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::Either;
use hyper::StatusCode;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use tower::Service;
use tower_http::timeout::Timeout;

/// Most bytes of a request's headers and its URL.
const MAX_HEADERS_BYTES: usize = 64 * 1024;

/// Refuses requests with too large a head, and those that take too long because PostgreSQL does not answer. Streams have
/// answered by then, or are handed over.
#[derive(Clone)]
pub struct BoundedRouter {
    router: Router,
}

impl BoundedRouter {
    pub fn new(router: Router) -> Self {
        Self { router }
    }
}

impl Service<Request> for BoundedRouter {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, <Timeout<Router> as Service<Request>>::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routers are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if let Some(problem) = too_large(&request) {
            return Either::Left(ready(Ok(problem.into_response())));
        }
        // Uploads and long polls have times of their own, so that the timeout cannot be one layer for all.
        let limit = request_timeout(request.uri().path());
        let mut timeout = Timeout::with_status_code(&mut self.router, StatusCode::SERVICE_UNAVAILABLE, limit);
        Either::Right(timeout.call(request))
    }
}

fn too_large(request: &Request) -> Option<Problem> {
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    let bytes = fields.sum::<usize>() + request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    (bytes > MAX_HEADERS_BYTES).then(|| {
        let detail = format!("URL and headers have {bytes} bytes, at most {MAX_HEADERS_BYTES} are taken");
        Problem::new(ProblemCode::HeadersTooLarge, detail)
    })
}
