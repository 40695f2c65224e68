use super::*;
use axum::response::IntoResponse;
use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER, VARY};

/// The values of a header, in order.
fn values<'a>(response: &'a Response, name: &hyper::header::HeaderName) -> Vec<&'a HeaderValue> {
    response.headers().get_all(name).iter().collect()
}

#[test]
fn refusal_keeps_each_value_of_a_repeated_header() {
    let problem = Problem::new(ProblemCode::Unavailable, "try again");
    for mut refusal in [problem.into_response(), StatusCode::NOT_FOUND.into_response()] {
        for value in ["origin", "access-control-request-method", "accept-encoding"] {
            refusal.headers_mut().append(VARY, HeaderValue::from_static(value));
        }
        let document = refusal_document(&mut refusal, "id").unwrap();
        assert_eq!(values(&document, &VARY), ["origin", "access-control-request-method", "accept-encoding"]);
    }
}

#[test]
fn header_of_the_response_replaces_the_one_of_the_problem() {
    let mut refusal = Problem::new(ProblemCode::Unavailable, "try again").into_response();
    refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("7"));
    let document = refusal_document(&mut refusal, "id").unwrap();
    assert_eq!(values(&document, &RETRY_AFTER), ["7"]);
}

#[test]
fn headers_of_the_replaced_body_are_left_out() {
    let mut refusal = (StatusCode::METHOD_NOT_ALLOWED, "a text").into_response();
    refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    refusal.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("6"));
    let document = refusal_document(&mut refusal, "id").unwrap();
    assert_eq!(values(&document, &ALLOW), ["GET"]);
    assert_eq!(values(&document, &CONTENT_TYPE), ["application/problem+json"]);
    assert!(values(&document, &CONTENT_LENGTH).is_empty());
}
