use crate::domain::Created;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;

/// Tells that a request was answered as it was answered before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A JSON answer, which ends with a newline.
pub struct Json<T>(pub StatusCode, pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let Ok(mut body) = serde_json::to_vec(&self.1) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        body.push(b'\n');
        (self.0, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
    }
}

/// 200 with a JSON answer.
pub fn ok<T: Serialize>(thing: T) -> Response {
    Json(StatusCode::OK, thing).into_response()
}

/// 201 or 200 with what was made, found or replayed.
pub fn created<T: Serialize>(created: Created<T>) -> Response {
    created_as(created, |thing| thing)
}

/// The same of what has another shape here.
pub fn created_as<T, S: Serialize>(created: Created<T>, shape: impl FnOnce(T) -> S) -> Response {
    let status = if created.created { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = Json(status, shape(created.thing)).into_response();
    if created.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}
