//! JSON responses.

use crate::domain::Created;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;

/// Tells that the response is that of an earlier request with the same key.
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A JSON response, which ends with a newline.
pub struct JsonResponse<T>(pub StatusCode, pub T);

impl<T: Serialize> IntoResponse for JsonResponse<T> {
    fn into_response(self) -> Response {
        let Ok(mut body) = serde_json::to_vec(&self.1) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        body.push(b'\n');
        (self.0, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
    }
}

/// 200 with JSON.
pub fn ok<T: Serialize>(thing: T) -> Response {
    JsonResponse(StatusCode::OK, thing).into_response()
}

/// 201 or 200 with what was made, found or replayed.
pub fn created<T: Serialize>(created: Created<T>) -> Response {
    created_as(created, |thing| thing)
}

/// The same, with the created thing in another shape.
pub fn created_as<T, S: Serialize>(created: Created<T>, shape: impl FnOnce(T) -> S) -> Response {
    let status = if created.created { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = JsonResponse(status, shape(created.thing)).into_response();
    if created.replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}
