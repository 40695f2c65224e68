//! The OpenAPI document: served, committed and printed alike, and complete.

use std::collections::HashSet;

use serde_json::Value;
use tokio::process::Command;

use crate::support::TestApp;

/// Answers the document as it is committed.
fn committed() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("a committed document")).expect("JSON")
}

/// Answers every operation with its method and path.
fn operations(document: &Value) -> Vec<(String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in ["get", "put", "post", "delete", "patch"] {
            if let Some(operation) = item.get(method) {
                operations.push((format!("{method} {path}"), operation.clone()));
            }
        }
    }
    operations
}

/// Answers whether a media type shows an example: itself, or by its schema or something in that.
fn has_example(document: &Value, part: &Value, seen: &mut HashSet<String>) -> bool {
    let text = part.to_string();
    let names = text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
    text.contains("\"example")
        || names.into_iter().any(|name| {
            seen.insert(name.to_owned()) && has_example(document, &document["components"]["schemas"][name], seen)
        })
}

/// Answers the JSON media types of what is sent and of what is answered well.
fn json_of(operation: &Value) -> Vec<&Value> {
    let responses = operation["responses"].as_object().into_iter().flatten();
    let good = responses.filter(|(status, _)| status.starts_with('2')).map(|(_, response)| response);
    good.chain([&operation["requestBody"]]).filter_map(|body| body["content"].get("application/json")).collect()
}

#[tokio::test]
async fn served_openapi_document_is_the_committed_one() {
    let app = TestApp::start().await;
    let answer = app.anonymous().get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.expect(200), committed(), "regenerate it: longwave openapi > openapi/openapi.json");
}

#[tokio::test]
async fn printed_openapi_document_is_the_committed_one() {
    let output = Command::new(env!("CARGO_BIN_EXE_longwave")).arg("openapi").output().await.expect("the binary runs");
    assert!(output.status.success(), "{output:?}");
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(printed, committed());
}

#[test]
fn operations_have_an_id_a_summary_errors_and_examples() {
    let document = committed();
    let mut names = HashSet::new();
    let operations = operations(&document);
    assert!(operations.len() > 20, "{} operations", operations.len());
    for (what, operation) in &operations {
        let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{what} has no name"));
        assert!(names.insert(name), "{name} is the name of two operations");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{what} has no summary");
        let responses = operation["responses"].as_object().expect("responses");
        let is_error = |status: &String| status.starts_with(['4', '5']) || status == "default";
        assert!(!what.contains("/v1/") || responses.keys().any(is_error), "{what} has no error");
        for media_type in json_of(operation) {
            assert!(has_example(&document, media_type, &mut HashSet::new()), "{what} has no example: {media_type}");
        }
    }
}

#[tokio::test]
async fn documented_paths_are_served() {
    let app = TestApp::start().await;
    for (what, _) in operations(&committed()) {
        let (method, path) = what.split_once(' ').expect("method and path");
        let method = method.to_uppercase().parse().expect("a method");
        let path: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        let answer = app.anonymous().answer(app.anonymous().request(method, &path.join("/"))).await;
        assert!(answer.status != 405, "{what}: {}", answer.text());
        assert!(answer.status != 404, "{what}: {}", answer.text());
    }
}

#[tokio::test]
async fn openapi_document_can_be_read_in_a_browser() {
    let app = TestApp::start().await;
    let answer = app.anonymous().get("/docs").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").is_some_and(|value| value.starts_with("text/html")));
    assert!(answer.text().to_lowercase().contains("<html"));
}
