//! The document of the API, and a page to browse it offline.

use crate::http::app::App;
use crate::http::respond::json;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The routes of the documents. `openapi_json` makes the document of the API.
pub fn router(openapi_json: fn() -> &'static str) -> Router<App> {
    let page = SwaggerUi::new("/docs").config(Config::from("/openapi.json"));
    Router::new()
        .merge(page)
        .route("/openapi.json", get(async move || document(openapi_json())))
        .route("/", get(welcome))
}

fn document(document: &'static str) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], document).into_response()
}

async fn welcome() -> Response {
    json::ok(json!({
        "name": "longwave",
        "version": env!("CARGO_PKG_VERSION"),
        "docs": "/docs",
        "openapi": "/openapi.json",
    }))
}
