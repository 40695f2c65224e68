use hyper::StatusCode;

/// Every code that a problem document may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemCode {
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

impl ProblemCode {
    /// Status, code and title.
    pub fn parts(self) -> (StatusCode, &'static str, &'static str) {
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

    /// The code of a refusal that a library made.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::MediaTypeUnsupported,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => Self::HeadersTooLarge,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_client_error() => Self::Malformed,
            _ => Self::Internal,
        }
    }
}
