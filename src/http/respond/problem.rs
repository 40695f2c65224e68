//! The one way to refuse a request: a problem document (RFC 9457).

use super::problem_code::ProblemCode;
use crate::domain::Error;
use crate::log::Cursor;
use crate::store::StoreError;
use crate::telemetry::error_chain;
use crate::wire::{self, FieldError, ResetCode};
use axum::response::{IntoResponse, Response};
use hyper::HeaderMap;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

/// A refusal. The middleware, which knows the request's id, makes its document.
#[derive(Clone, Debug)]
pub struct Problem(Box<ProblemFields>);

#[derive(Clone, Debug)]
struct ProblemFields {
    code: ProblemCode,
    detail: String,
    errors: Vec<FieldError>,
    cursor: Option<Cursor>,
    headers: HeaderMap,
}

impl Problem {
    /// A refusal that `detail` explains.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let fields = ProblemFields { code, detail, errors: Vec::new(), cursor: None, headers: HeaderMap::new() };
        let mut problem = Self(Box::new(fields));
        match code {
            ProblemCode::TokenMissing | ProblemCode::CredentialsWrong => problem.header(WWW_AUTHENTICATE, "Bearer"),
            ProblemCode::TokenInvalid | ProblemCode::TokenExpired | ProblemCode::SessionRevoked => {
                problem.header(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"");
            }
            ProblemCode::Unavailable => problem.header(RETRY_AFTER, "2"),
            _ => {}
        }
        problem
    }

    /// Names the fields that are wrong.
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds `Retry-After`.
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.0.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        self
    }

    /// Adds `Allow`.
    pub fn with_allow(mut self, methods: &'static str) -> Self {
        self.header(ALLOW, methods);
        self
    }

    /// A cursor that cannot be resumed from, and a fresh one.
    pub fn dead_cursor(code: ResetCode, fresh: Cursor) -> Self {
        let error = match code {
            ResetCode::CursorUnknown => Error::CursorUnknown,
            ResetCode::CursorExpired => Error::CursorExpired,
        };
        let mut problem = Self::from(error);
        problem.0.cursor = Some(fresh);
        problem
    }

    fn header(&mut self, name: HeaderName, value: &'static str) {
        self.0.headers.insert(name, HeaderValue::from_static(value));
    }

    /// The document, which names the request.
    pub fn into_document(self, request_id: &str) -> Response {
        let fields = *self.0;
        let (status, code, title) = fields.code.parts();
        let document = wire::ProblemDocument {
            kind: format!("urn:longwave:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: fields.detail,
            code,
            request_id: request_id.to_owned(),
            errors: fields.errors,
            cursor: fields.cursor.map(|cursor| cursor.to_string()),
        };
        // Strings and numbers: nothing that could fail.
        let mut body = serde_json::to_vec(&document).unwrap_or_default();
        body.push(b'\n');
        let mut response = (status, body).into_response();
        *response.headers_mut() = fields.headers;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.code.parts().0.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::TokenMissing => Self::new(ProblemCode::TokenMissing, detail),
            Error::TokenInvalid => Self::new(ProblemCode::TokenInvalid, detail),
            Error::TokenExpired => Self::new(ProblemCode::TokenExpired, detail),
            Error::SessionRevoked => Self::new(ProblemCode::SessionRevoked, detail),
            Error::CredentialsWrong => Self::new(ProblemCode::CredentialsWrong, detail),
            Error::RegistrationClosed => Self::new(ProblemCode::RegistrationClosed, detail),
            Error::Forbidden(_) => Self::new(ProblemCode::Forbidden, detail),
            Error::NotFound => Self::new(ProblemCode::NotFound, detail),
            Error::NameTaken(_) => Self::new(ProblemCode::NameTaken, detail),
            Error::KeyTaken => Self::new(ProblemCode::IdempotencyKeyTaken, detail),
            Error::KeyReused => Self::new(ProblemCode::IdempotencyKeyReused, detail),
            Error::CursorBehind => Self::new(ProblemCode::CursorBehind, detail),
            Error::DirectFixed => Self::new(ProblemCode::DirectFixed, detail),
            Error::CursorMalformed => Self::new(ProblemCode::CursorMalformed, detail),
            Error::CursorUnknown => Self::new(ProblemCode::CursorUnknown, detail),
            Error::CursorExpired => Self::new(ProblemCode::CursorExpired, detail),
            Error::Invalid(errors) => Self::new(ProblemCode::Invalid, detail).with_errors(errors),
            Error::Malformed(errors) => Self::new(ProblemCode::Malformed, detail).with_errors(errors),
            Error::Busy | Error::Unresolved | Error::TooMany => Self::new(ProblemCode::Unavailable, detail),
            Error::Store(StoreError::Unreachable(_) | StoreError::Unavailable(_)) => {
                unavailable(&error, "the database cannot be reached, try again")
            }
            Error::Store(StoreError::Files(_)) => {
                unavailable(&error, "the storage of attachments does not take or give bytes, try again")
            }
            Error::Store(StoreError::BytesMissing(_) | StoreError::Query(_) | StoreError::Migration(_))
            | Error::Shape(_)
            | Error::WriteFailed => internal(&error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

/// Logs the cause of a fault of the server, which the client is not told.
fn internal(error: &Error) -> Problem {
    tracing::error!(error = error_chain(error), "request failed");
    Problem::new(ProblemCode::Internal, "this is a fault of the server, its log has the cause under this request's id")
}

fn unavailable(error: &Error, detail: &str) -> Problem {
    tracing::warn!(error = error_chain(error), "request failed");
    Problem::new(ProblemCode::Unavailable, detail)
}

/// A request of which one field cannot be read.
pub fn malformed(field: impl Into<String>, detail: impl Into<String>) -> Problem {
    let error = FieldError { field: field.into(), detail: detail.into() };
    Problem::from(Error::Malformed(vec![error]))
}
