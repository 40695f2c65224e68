//! One HTTP response, read to its end, and what holds for every response.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// Reads `response` to its end.
    ///
    /// # Errors
    /// When the connection breaks before the end.
    pub async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        Ok(Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?,
        })
    }

    /// Asserts the status and answers the JSON body, `null` where there is none.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "unexpected answer: {}", self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// Answers the body as JSON, and asserts that it ends with a newline.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert!(self.body.ends_with(b"\n"), "no newline at the end of {:?}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    /// Asserts that this is the problem `code`, complete and consistent, and answers its document.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "unexpected answer: {}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let document = self.json();
        assert_eq!(document["code"], code, "{document}");
        assert_eq!(document["type"], format!("urn:longwave:problem:{code}"));
        assert_eq!(document["status"], status);
        assert_eq!(document["request_id"].as_str(), self.header("x-request-id"), "{document}");
        for field in ["title", "detail"] {
            assert!(document[field].as_str().is_some_and(|text| !text.is_empty()), "no {field} in {document}");
        }
        for error in document["errors"].as_array().unwrap_or_else(|| panic!("no errors in {document}")) {
            assert!(error["field"].is_string() && error["detail"].is_string(), "{document}");
        }
        document
    }

    /// Answers a header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Answers whether this is marked as the replay of an earlier answer.
    pub fn is_replay(&self) -> bool {
        self.header("idempotency-replayed") == Some("true")
    }

    /// Answers the body as text, for messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Answers the id of an object.
#[track_caller]
pub fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap_or_else(|| panic!("no id in {object}"))
}
