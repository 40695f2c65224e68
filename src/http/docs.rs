//! The document of the API, and a page to browse it offline.

use super::App;
use super::openapi;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// What stands beside the API.
pub fn router() -> Router<App> {
    let page = SwaggerUi::new("/docs").config(Config::from("/openapi.json"));
    Router::new().merge(page).route("/openapi.json", get(document)).route("/", get(welcome))
}

async fn document() -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], openapi::json()).into_response()
}

async fn welcome() -> Response {
    super::answer::ok(json!({
        "name": "longwave",
        "version": env!("CARGO_PKG_VERSION"),
        "docs": "/docs",
        "openapi": "/openapi.json",
    }))
}
