//! From what went wrong to one problem document.

use crate::domain::Error;
use crate::log::Cursor;
use crate::store::StoreError;
use crate::telemetry::chain;
use crate::wire::{self, FieldError, ResetCode};
use axum::response::{IntoResponse, Response};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{HeaderMap, StatusCode};

/// The closed list of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Malformed,
    CursorMalformed,
    TokenMissing,
    TokenInvalid,
    TokenExpired,
    SessionRevoked,
    CredentialsWrong,
    Forbidden,
    RegistrationClosed,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    NameTaken,
    IdempotencyKeyTaken,
    CursorBehind,
    DirectFixed,
    CursorUnknown,
    CursorExpired,
    BodyTooLarge,
    MediaTypeUnsupported,
    Invalid,
    IdempotencyKeyReused,
    RateLimited,
    HeadersTooLarge,
    Internal,
    Unavailable,
}

impl Code {
    /// Status, code and title.
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed", "The request cannot be read"),
            Self::CursorMalformed => (StatusCode::BAD_REQUEST, "cursor_malformed", "The cursor cannot be read"),
            Self::TokenMissing => (StatusCode::UNAUTHORIZED, "token_missing", "A token is needed"),
            Self::TokenInvalid => (StatusCode::UNAUTHORIZED, "token_invalid", "The token is not valid"),
            Self::TokenExpired => (StatusCode::UNAUTHORIZED, "token_expired", "The token has expired"),
            Self::SessionRevoked => (StatusCode::UNAUTHORIZED, "session_revoked", "The session was revoked"),
            Self::CredentialsWrong => (StatusCode::UNAUTHORIZED, "credentials_wrong", "Name or password is wrong"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Self::RegistrationClosed => (StatusCode::FORBIDDEN, "registration_closed", "Registration is closed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "Not found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed"),
            Self::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "request_timeout", "The request took too long"),
            Self::NameTaken => (StatusCode::CONFLICT, "name_taken", "The name is taken"),
            Self::IdempotencyKeyTaken => {
                (StatusCode::CONFLICT, "idempotency_key_taken", "The idempotency key is somebody else's")
            }
            Self::CursorBehind => (StatusCode::CONFLICT, "cursor_behind", "The stored cursor is ahead"),
            Self::DirectFixed => (StatusCode::CONFLICT, "direct_fixed", "Direct conversations do not change"),
            Self::CursorUnknown => (StatusCode::GONE, "cursor_unknown", "The cursor is unknown"),
            Self::CursorExpired => (StatusCode::GONE, "cursor_expired", "The cursor has expired"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large"),
            Self::MediaTypeUnsupported => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type_unsupported", "The media type is not supported")
            }
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Values are not acceptable"),
            Self::IdempotencyKeyReused => {
                (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", "The idempotency key was used before")
            }
            Self::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests"),
            Self::HeadersTooLarge => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "The headers are too large")
            }
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now"),
        }
    }

    /// The code of an answer that a library made.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::MediaTypeUnsupported,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => Self::HeadersTooLarge,
            status if status.is_client_error() => Self::Malformed,
            _ => Self::Internal,
        }
    }
}

/// A refusal. The middleware makes the document of it, which knows the request's id.
#[derive(Clone, Debug)]
pub struct Problem(Box<Refusal>);

#[derive(Clone, Debug)]
struct Refusal {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    cursor: Option<Cursor>,
    headers: HeaderMap,
}

impl Problem {
    /// A refusal that `detail` explains.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let refusal = Refusal { code, detail, errors: Vec::new(), cursor: None, headers: HeaderMap::new() };
        let mut problem = Self(Box::new(refusal));
        match code {
            Code::TokenMissing | Code::CredentialsWrong => problem.header(WWW_AUTHENTICATE, "Bearer"),
            Code::TokenInvalid | Code::TokenExpired | Code::SessionRevoked => {
                problem.header(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"");
            }
            Code::Unavailable => problem.header(RETRY_AFTER, "2"),
            _ => {}
        }
        problem
    }

    /// Names the fields that are wrong.
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Tells when to come back.
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.0.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        self
    }

    /// Tells which methods there are.
    pub fn with_allow(mut self, methods: &'static str) -> Self {
        self.header(ALLOW, methods);
        self
    }

    /// A cursor that is worth nothing, and a fresh one.
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

    /// The document.
    pub fn into_document(self, request_id: &str) -> Response {
        let refusal = *self.0;
        let (status, code, title) = refusal.code.parts();
        let document = wire::Problem {
            kind: format!("urn:longwave:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: refusal.detail,
            code,
            request_id: request_id.to_owned(),
            errors: refusal.errors,
            cursor: refusal.cursor.map(|cursor| cursor.to_string()),
        };
        // Strings and numbers: nothing that could fail.
        let mut body = serde_json::to_vec(&document).unwrap_or_default();
        body.push(b'\n');
        let mut response = (status, body).into_response();
        *response.headers_mut() = refusal.headers;
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
            Error::TokenMissing => Self::new(Code::TokenMissing, detail),
            Error::TokenInvalid => Self::new(Code::TokenInvalid, detail),
            Error::TokenExpired => Self::new(Code::TokenExpired, detail),
            Error::SessionRevoked => Self::new(Code::SessionRevoked, detail),
            Error::CredentialsWrong => Self::new(Code::CredentialsWrong, detail),
            Error::RegistrationClosed => Self::new(Code::RegistrationClosed, detail),
            Error::Forbidden(_) => Self::new(Code::Forbidden, detail),
            Error::NotFound => Self::new(Code::NotFound, detail),
            Error::NameTaken(_) => Self::new(Code::NameTaken, detail),
            Error::KeyTaken => Self::new(Code::IdempotencyKeyTaken, detail),
            Error::KeyReused => Self::new(Code::IdempotencyKeyReused, detail),
            Error::CursorBehind => Self::new(Code::CursorBehind, detail),
            Error::DirectFixed => Self::new(Code::DirectFixed, detail),
            Error::CursorMalformed => Self::new(Code::CursorMalformed, detail),
            Error::CursorUnknown => Self::new(Code::CursorUnknown, detail),
            Error::CursorExpired => Self::new(Code::CursorExpired, detail),
            Error::Invalid(errors) => Self::new(Code::Invalid, detail).with_errors(errors),
            Error::Malformed(errors) => Self::new(Code::Malformed, detail).with_errors(errors),
            Error::Busy | Error::Unresolved | Error::TooMany => Self::new(Code::Unavailable, detail),
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

/// What goes wrong here is logged, and not told.
fn internal(error: &Error) -> Problem {
    tracing::error!(error = chain(error), "request failed");
    Problem::new(Code::Internal, "this is a fault of the server, its log has the cause under this request's id")
}

fn unavailable(error: &Error, detail: &str) -> Problem {
    tracing::warn!(error = chain(error), "request failed");
    Problem::new(Code::Unavailable, detail)
}

/// One thing about the request that cannot be read.
pub fn malformed(field: impl Into<String>, detail: impl Into<String>) -> Problem {
    let error = FieldError { field: field.into(), detail: detail.into() };
    Problem::from(Error::Malformed(vec![error]))
}
